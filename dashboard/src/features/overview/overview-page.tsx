import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { ArrowRight } from 'lucide-react'
import { keysQuery, limitsQuery, rulesQuery } from '#/api/queries'
import type { App, Session } from '#/api/types'
import { appSearch } from '#/features/frame/current-app'
import { mayPublish } from '#/features/keys/capabilities'
import { monthName, monthQuery } from '#/features/usage/month'
import { type UsageView, usageQuery } from '#/features/usage/usage-query'
import { SnippetCard } from '#/features/welcome/snippet-card'
import { endpoint } from '#/features/welcome/snippets'
import { CopyButton } from '#/ui/copy-button'
import { formatCount, formatRate, formatShort } from '#/ui/format'
import { PageHeader } from '#/ui/page-header'
import { Panel, Skeleton } from '#/ui/panel'
import { QueryView } from '#/ui/query-view'
import { clockSeconds } from '#/ui/time'
import { Checklist } from './checklist'
import { liveNumbers } from './live'
import { Tile } from './tile'

/** All of the page is read again this often. */
const REFRESH_MS = 5_000

export function OverviewPage({ app, session }: { app: App; session: Session }) {
  const live = { refetchInterval: REFRESH_MS }
  const incoming = useQuery({ ...usageQuery(app.id, 'in', 'hour'), ...live })
  const outgoing = useQuery({ ...usageQuery(app.id, 'out', 'hour'), ...live })
  const connections = useQuery({ ...usageQuery(app.id, 'connections', 'hour'), ...live })
  const today = useQuery({ ...usageQuery(app.id, 'connections', 'day'), ...live })
  const month = useQuery({ ...monthQuery(app.id), ...live })
  const limits = useQuery(limitsQuery(app.id))
  const rules = useQuery(rulesQuery(app.id))
  const queries = [incoming, outgoing, connections, today, month]
  const all = {
    data:
      incoming.data && outgoing.data && connections.data && today.data && month.data
        ? {
            incoming: incoming.data,
            outgoing: outgoing.data,
            connections: connections.data,
            today: today.data,
            month: month.data,
          }
        : undefined,
    error: queries.find((query) => query.error)?.error ?? null,
    isPending: queries.some((query) => query.isPending),
    isFetching: queries.some((query) => query.isFetching),
    refetch: () => queries.map((query) => query.refetch()),
  }

  return (
    <>
      <PageHeader title="Overview" lead="What this app is doing, read again every five seconds." />
      <QueryView query={all} skeleton={<Skeleton lines={4} />}>
        {(data) => {
          const peakToday = figure(data.today, 'Peak')
          const quiet = data.month.messages === 0 && peakToday === 0
          return (
            <>
              <Tiles data={data} included={limits.data?.plan.messages_per_month ?? null} peakToday={peakToday} />
              <div className="mt-4 grid items-start gap-4 xl:grid-cols-[minmax(0,1.5fr)_minmax(0,1fr)]">
                {quiet ? <NoTraffic app={app} session={session} /> : <Connect app={app} session={session} />}
                <Checklist
                  app={app}
                  session={session}
                  seen={{
                    published: data.month.incoming > 0,
                    connected: peakToday > 0 || data.month.outgoing > 0,
                    delivered: data.month.outgoing > 0,
                    guarded: rules.data?.default.anonymous === false,
                  }}
                />
              </div>
            </>
          )
        }}
      </QueryView>
    </>
  )
}

interface TilesProps {
  data: {
    incoming: UsageView
    outgoing: UsageView
    connections: UsageView
    month: { messages: number; incoming: number; outgoing: number }
  }
  /** Null for no quota. */
  included: number | null
  peakToday: number
}

function Tiles({ data, included, peakToday }: TilesProps) {
  const live = liveNumbers(data.incoming, data.outgoing, data.connections)
  const { month } = data
  return (
    <>
      <dl className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
        <Tile
          label="Connections now"
          value={formatCount(live.connections)}
          note={`peak in 24 hours ${formatCount(peakToday)}`}
          line={live.connectionsLine}
          colour="text-presence"
        />
        <Tile
          label="Messages per second"
          value={formatRate(live.perSecond.in + live.perSecond.out)}
          note={`in ${formatRate(live.perSecond.in)}, out ${formatRate(live.perSecond.out)}`}
          line={live.messagesLine}
        />
        <Tile
          label={`Messages in ${monthName(Date.now())}`}
          value={formatCount(month.messages)}
          note={`in ${formatShort(month.incoming)}, out ${formatShort(month.outgoing)}; ${included === null ? 'no quota' : `${formatShort(included)} included`}`}
          share={included === null ? undefined : { used: month.messages, of: included }}
        />
      </dl>
      <p className="mt-2 text-right text-xs text-muted">
        complete to <time dateTime={new Date(live.completeTo).toISOString()}>{clockSeconds(live.completeTo)}</time>
      </p>
    </>
  )
}

function NoTraffic({ app, session }: { app: App; session: Session }) {
  const keys = useQuery(keysQuery(app.id))
  const key = keys.data?.items.find((key) => mayPublish(key.capabilities, 'hello'))
  return (
    <section aria-label="No traffic yet" className="min-w-0 space-y-3">
      <p className="rounded-lg border border-dashed border-control px-4 py-3">
        <span className="font-medium">No traffic yet.</span>{' '}
        <span className="text-muted">
          Publish something with the code below; the numbers above follow within ten seconds. What the dashboard sends
          is not counted.
        </span>
      </p>
      {key && <SnippetCard app={app} keyId={key.id} edgeUrl={session.edge_url} email={session.user.email} />}
    </section>
  )
}

/** What a client library asks for. */
function Connect({ app, session }: { app: App; session: Session }) {
  const edge = endpoint(session.edge_url)
  const rows = [
    { label: 'URL', value: session.edge_url },
    { label: 'Host and port, for Pusher libraries', value: `${edge.host}:${edge.port}` },
    { label: 'App id', value: app.id },
  ]
  return (
    <Panel
      title="Connect"
      aside={
        <Link
          to="/welcome"
          search={appSearch(session, app)}
          className="flex items-center gap-1 font-medium text-accent underline underline-offset-2"
        >
          Snippets <ArrowRight size={14} aria-hidden />
        </Link>
      }
    >
      <dl className="divide-y divide-line">
        {rows.map((row) => (
          <div key={row.label} className="flex flex-wrap items-center justify-between gap-x-4 px-4 py-1.5">
            <dt className="text-muted">{row.label}</dt>
            <dd className="flex min-w-0 items-center">
              <code className="font-mono text-xs break-all">{row.value}</code>
              <CopyButton text={row.value} what={row.label} className="ml-1" />
            </dd>
          </div>
        ))}
      </dl>
    </Panel>
  )
}

function figure(view: UsageView, label: string): number {
  return view.figures.find((figure) => figure.label === label)?.value ?? 0
}
