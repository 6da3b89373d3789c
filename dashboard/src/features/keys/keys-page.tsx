import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { asProblem } from '#/api/problem'
import { keysQuery } from '#/api/queries'
import type { App, Session } from '#/api/types'
import { appSearch } from '#/features/frame/current-app'
import { Button } from '#/ui/button'
import { PageHeader } from '#/ui/page-header'
import { ProblemNotice } from '#/ui/problem-notice'
import { useSlow } from '#/ui/use-slow'
import { KeysTable } from './keys-table'

export function KeysPage({ app, session }: { app: App; session: Session }) {
  const keys = useQuery(keysQuery(app.id))
  const slow = useSlow(keys.isPending)

  return (
    <>
      <PageHeader
        title="Keys"
        lead="A key has a public id and a secret. Servers sign with both; browsers only ever get the id."
      />
      {keys.isError && (
        <ProblemNotice problem={asProblem(keys.error)}>
          <Button size="sm" busy={keys.isFetching} onClick={() => keys.refetch()}>
            Try again
          </Button>
        </ProblemNotice>
      )}
      {slow && <KeysSkeleton />}
      {keys.data?.items.length === 0 && (
        <p className="rounded-lg border border-line bg-surface px-4 py-8 text-center text-muted">
          This app has no key, so nothing can publish to it.
        </p>
      )}
      {keys.data && keys.data.items.length > 0 && (
        <KeysTable app={app} keys={keys.data.items} email={session.user.email} />
      )}
      <p className="mt-4 text-xs text-muted">
        App id <code className="font-mono text-ink">{app.id}</code>. Pusher libraries ask for it beside the key.{' '}
        <Link to="/welcome" search={appSearch(session, app)} className="text-accent underline underline-offset-2">
          Snippets with your key
        </Link>
      </p>
    </>
  )
}

function KeysSkeleton() {
  return (
    <div aria-hidden="true" className="animate-appear space-y-3 rounded-lg border border-line bg-surface p-4">
      <div className="h-4 w-40 rounded-sm bg-hover" />
      <div className="h-4 w-72 max-w-full rounded-sm bg-hover" />
    </div>
  )
}
