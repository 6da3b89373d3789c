/** The first page after sign-up: already subscribed to `hello`, so that one press or one pasted line is a delivered message. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { ArrowRight, Check } from 'lucide-react'
import { asProblem } from '#/api/problem'
import { keysQuery } from '#/api/queries'
import type { App, Key, Session } from '#/api/types'
import { mayPublish } from '#/features/keys/capabilities'
import { type Link as ConsoleLink, useConsole } from '#/realtime/console'
import { LinkDot } from '#/realtime/link-status'
import { Button } from '#/ui/button'
import { cx } from '#/ui/cx'
import { usePageTitle } from '#/ui/page-header'
import { ProblemNotice } from '#/ui/problem-notice'
import { useSlow } from '#/ui/use-slow'
import { Composer } from './composer'
import { type Milestones, milestones } from './feed'
import { MessageList } from './message-list'
import { SnippetCard } from './snippet-card'
import { HELLO, type Hello, useHello } from './use-hello'

export function WelcomePage({ app, session }: { app: App; session: Session }) {
  usePageTitle('Welcome')
  const hello = useHello()
  const keys = useQuery(keysQuery(app.id))
  const slow = useSlow(keys.isPending)
  const key = keys.data && pickKey(keys.data.items)

  return (
    <>
      <header className="mb-5 flex flex-wrap items-start justify-between gap-x-8 gap-y-3">
        <LiveHeading hello={hello} />
        <Progress done={milestones(hello.rows)} app={app} />
      </header>
      <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]">
        <section aria-label="Live messages" className="min-w-0 rounded-lg border border-line bg-surface">
          <Composer hello={hello} />
          <MessageList rows={hello.rows} live={hello.subscribed} />
        </section>
        <section aria-label="From your own code" className="min-w-0">
          {key && <SnippetCard app={app} keyId={key.id} edgeUrl={session.edge_url} email={session.user.email} />}
          {slow && <div aria-hidden="true" className="h-72 animate-appear rounded-lg border border-line bg-surface" />}
          {keys.data && !key && (
            <p className="rounded-lg border border-line bg-surface p-4 text-muted">
              No key of this app may publish to <code className="font-mono text-ink">hello</code>, so there is no
              snippet to show.
            </p>
          )}
          {keys.isError && (
            <ProblemNotice problem={asProblem(keys.error)}>
              <Button size="sm" busy={keys.isFetching} onClick={() => keys.refetch()}>
                Try again
              </Button>
            </ProblemNotice>
          )}
        </section>
      </div>
    </>
  )
}

/** The first key that can do what the snippets do. */
function pickKey(keys: readonly Key[]): Key | undefined {
  return keys.find((key) => mayPublish(key.capabilities, HELLO))
}

function LiveHeading({ hello }: { hello: Hello }) {
  const { link, edgeUrl } = useConsole()
  const channel = <code className="rounded-md bg-accent-soft px-1.5 py-0.5 font-mono text-[0.85em]">{HELLO}</code>
  const { status, reason } = standing(link, hello)
  return (
    <div className="min-w-0">
      <h1 className="flex flex-wrap items-center gap-x-2.5 text-xl font-semibold tracking-tight">
        <LinkDot status={status} />
        {status === 'live' && <span>Your channel {channel} is live</span>}
        {status === 'connecting' && <span>Subscribing to {channel}…</span>}
        {status === 'offline' && <span>Not connected to {channel}</span>}
        {status === 'refused' && <span>Could not subscribe to {channel}</span>}
      </h1>
      <p className="mt-0.5 max-w-[68ch] text-muted">
        {reason ?? (
          <>
            This page listens at{' '}
            <span className="inline-block max-w-full font-mono text-xs break-words">{edgeUrl}</span> like any other
            client.
          </>
        )}
      </p>
    </div>
  )
}

/** The connection's state and the subscription's, as one. */
function standing(link: ConsoleLink, hello: Hello): { status: ConsoleLink['status']; reason?: string } {
  if (link.status !== 'live') return link
  if (hello.refused) return { status: 'refused', reason: hello.refused }
  return { status: hello.subscribed ? 'live' : 'connecting' }
}

function Progress({ done, app }: { done: Milestones; app: App }) {
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-1 pt-1 text-xs">
      <ol aria-label="First steps" className="flex flex-wrap gap-x-4 gap-y-1">
        <Step done={done.first}>First message</Step>
        <Step done={done.fromCode}>A message from your code</Step>
      </ol>
      {done.fromCode && (
        <Link
          to="/apps/$appId/keys"
          params={{ appId: app.id }}
          className="flex items-center gap-1 font-medium text-accent underline underline-offset-2"
        >
          Your keys <ArrowRight size={14} aria-hidden />
        </Link>
      )}
    </div>
  )
}

function Step({ done, children }: { done: boolean; children: string }) {
  return (
    <li className={cx('flex items-center gap-1.5', done ? 'text-ink' : 'text-muted')}>
      <span
        aria-hidden="true"
        className={cx(
          'flex size-4 items-center justify-center rounded-full border',
          done ? 'border-ok text-ok' : 'border-control border-dashed',
        )}
      >
        {done && <Check size={11} strokeWidth={3} />}
      </span>
      {children}
      <span className="sr-only">{done ? ' (done)' : ' (open)'}</span>
    </li>
  )
}
