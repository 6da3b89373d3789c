import { useInfiniteQuery } from '@tanstack/react-query'
import { ChevronRight } from 'lucide-react'
import { useState } from 'react'
import { auditQuery } from '#/api/queries'
import type { AuditEvent } from '#/api/types'
import { Button, buttonClass } from '#/ui/button'
import { CopyButton } from '#/ui/copy-button'
import { cx } from '#/ui/cx'
import { PageHeader } from '#/ui/page-header'
import { Empty, Skeleton } from '#/ui/panel'
import { QueryView } from '#/ui/query-view'
import { exactTime, RelativeTime } from '#/ui/time'
import { actorName, changesOf, sayAction } from './audit-words'

export function AuditPage() {
  const audit = useInfiniteQuery(auditQuery)
  return (
    <>
      <PageHeader
        title="Audit log"
        lead="Every change, written together with the change itself. Entries cannot be edited or removed."
      />
      <QueryView query={audit} skeleton={<Skeleton lines={6} />}>
        {({ pages }) => {
          const events = pages.flatMap((page) => page.items)
          if (events.length === 0) return <Empty title="Nothing has been changed yet" />
          return (
            <>
              <ol
                aria-label="Events, newest first"
                className="divide-y divide-line rounded-lg border border-line bg-surface"
              >
                {events.map((event) => (
                  <Entry key={event.id} event={event} />
                ))}
              </ol>
              <p className="mt-3 text-center text-xs text-muted">
                {audit.hasNextPage ? (
                  <Button busy={audit.isFetchingNextPage} onClick={() => audit.fetchNextPage()}>
                    Show older
                  </Button>
                ) : (
                  'That is everything.'
                )}
              </p>
            </>
          )
        }}
      </QueryView>
    </>
  )
}

function Entry({ event }: { event: AuditEvent }) {
  const [open, setOpen] = useState(false)
  const id = `audit-${event.id}`
  const changes = changesOf(event)
  return (
    <li className="px-2 py-1.5 sm:px-3">
      <div className="flex items-start gap-2">
        <button
          type="button"
          aria-expanded={open}
          aria-controls={id}
          aria-label={`Details of ${sayAction(event.action)}`}
          onClick={() => setOpen(!open)}
          className={cx(buttonClass('ghost', 'icon'))}
        >
          <ChevronRight
            size={14}
            aria-hidden
            className={cx('transition-transform duration-100', open && 'rotate-90')}
          />
        </button>
        <p className="min-w-0 flex-1 pt-1 break-words">
          <span className="font-medium">{actorName(event.actor)}</span> {sayAction(event.action)}{' '}
          <code className="font-mono text-xs break-all text-muted">{event.target}</code>
        </p>
        <span className="shrink-0 pt-1 text-xs text-muted">
          <RelativeTime at={event.at} />
        </span>
      </div>
      {open && (
        <div id={id} className="mt-1 mb-2 ml-9 space-y-2 text-xs">
          {changes.length > 0 && (
            <dl className="grid grid-cols-[max-content_minmax(0,1fr)] gap-x-4 gap-y-1 rounded-md bg-sunken px-3 py-2">
              {changes.map((change) => (
                <div key={change.field} className="contents">
                  <dt className="text-muted">{change.field}</dt>
                  <dd className="font-mono break-all">
                    {change.before !== undefined && <del className="text-danger">{change.before}</del>}
                    {change.before !== undefined && change.after !== undefined && (
                      <span className="text-muted"> → </span>
                    )}
                    {change.after !== undefined && <ins className="text-ok no-underline">{change.after}</ins>}
                  </dd>
                </div>
              ))}
            </dl>
          )}
          <p className="text-muted">
            {exactTime(event.at)}, <code className="font-mono">{event.action}</code>
            {event.ip && <>, from {event.ip}</>}
            {event.request_id && (
              <>
                , request <code className="font-mono break-all">{event.request_id}</code>
                <CopyButton text={event.request_id} what="request id" />
              </>
            )}
          </p>
        </div>
      )}
    </li>
  )
}
