/** On the Limits page: the month's messages of the whole organisation, as a bar and in words. */
import { useQuery } from '@tanstack/react-query'
import { quotaQuery } from '#/api/queries'
import type { Quota } from '#/api/types'
import { cx } from '#/ui/cx'
import { formatCount } from '#/ui/format'
import { Panel } from '#/ui/panel'
import { QueryView } from '#/ui/query-view'
import { percentOf, toneOf, whatHappens } from './quota-words'

export function QuotaPanel() {
  const quota = useQuery(quotaQuery)
  return <QueryView query={quota}>{(data) => <Messages quota={data} />}</QueryView>
}

const BARS = { quiet: 'bg-accent', warn: 'bg-warn', danger: 'bg-danger' }

function Messages({ quota: { plan, messages, help_url } }: { quota: Quota }) {
  return (
    <div className="mb-4">
      <Panel title="Messages this month" lead={`Plan ${plan.title}, all apps of the organisation together.`}>
        <div className="px-4 py-3">
          {messages === null ? (
            <p className="text-muted">The plan has no quota: as many as you like.</p>
          ) : (
            <>
              <p>
                <strong className="text-xl font-semibold tracking-tight">{formatCount(messages.used)}</strong>{' '}
                <span className="text-muted">
                  of {formatCount(messages.included)} used, {percentOf(messages)} %
                </span>
              </p>
              <div aria-hidden="true" className="mt-2 h-2 overflow-hidden rounded-full bg-sunken">
                <div
                  className={cx('h-full rounded-full', BARS[toneOf(messages)])}
                  style={{ width: `${Math.min(100, percentOf(messages))}%` }}
                />
              </div>
              <p className="mt-2 max-w-[80ch] text-muted">
                {whatHappens(messages)}{' '}
                <a
                  href={help_url}
                  target="_blank"
                  rel="noreferrer"
                  className="text-accent underline underline-offset-2"
                >
                  How the quota works
                </a>
              </p>
            </>
          )}
        </div>
      </Panel>
    </div>
  )
}
