import { Link } from '@tanstack/react-router'
import { PauseCircle, Plus } from 'lucide-react'
import type { Session } from '#/api/types'
import { Button } from '#/ui/button'
import { CopyButton } from '#/ui/copy-button'
import { EnvironmentPill } from '#/ui/environment-pill'
import { PageHeader } from '#/ui/page-header'
import { Empty } from '#/ui/panel'
import { RelativeTime } from '#/ui/time'
import { CreateApp } from './create-app'

interface AppsPageProps {
  session: Session
  creating: boolean
  setCreating: (open: boolean) => void
}

export function AppsPage({ session, creating, setCreating }: AppsPageProps) {
  return (
    <>
      <PageHeader
        title="Apps"
        lead="An app has its own keys, channels, rules and usage. Nothing passes from one to another."
        aside={
          <Button look="primary" onClick={() => setCreating(true)}>
            <Plus size={14} aria-hidden /> Create app
          </Button>
        }
      />
      {session.apps.length === 0 ? (
        <Empty title="No app yet">Create one to get a key and a live channel.</Empty>
      ) : (
        <ul className="divide-y divide-line rounded-lg border border-line bg-surface">
          {session.apps.map((app) => (
            <li key={app.id} className="relative flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-3 hover:bg-hover">
              <span className="flex min-w-0 flex-1 basis-52 items-center gap-2">
                <Link
                  to="/apps/$appId"
                  params={{ appId: app.id }}
                  className="truncate font-medium after:absolute after:inset-0"
                >
                  {app.name}
                </Link>
                <EnvironmentPill environment={app.environment} />
                {app.paused && (
                  <span className="inline-flex items-center gap-1 text-xs font-medium text-warn">
                    <PauseCircle size={13} aria-hidden /> paused
                  </span>
                )}
              </span>
              <span className="relative flex items-center text-xs text-muted">
                <code className="font-mono">{app.id}</code>
                <CopyButton text={app.id} what={`id of ${app.name}`} className="ml-1" />
              </span>
              <span className="text-xs text-muted sm:w-32 sm:text-right">
                created <RelativeTime at={app.created_at} />
              </span>
            </li>
          ))}
        </ul>
      )}
      <CreateApp open={creating} onOpenChange={setCreating} />
    </>
  )
}
