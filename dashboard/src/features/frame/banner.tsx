/** One strip above the page, for the most serious thing that concerns every page. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { PauseCircle, TriangleAlert } from 'lucide-react'
import { type ReactNode, useEffect, useState } from 'react'
import { api } from '#/api/client'
import { quotaQuery } from '#/api/queries'
import { useReachable } from '#/api/reachability'
import type { App } from '#/api/types'
import { percentOf, toneOf, whatHappens } from '#/features/quota/quota-words'
import { monthName } from '#/features/usage/month'
import { Countdown } from '#/realtime/link-status'
import { Button } from '#/ui/button'
import { cx } from '#/ui/cx'
import { formatShort } from '#/ui/format'

export function Banner({ app }: { app: App | undefined }) {
  const reachable = useReachable()
  if (!reachable) return <Unreachable />
  if (!app) return null
  return app.paused ? <Paused app={app} /> : <Quota app={app} />
}

function Quota({ app }: { app: App }) {
  const { data } = useQuery(quotaQuery)
  const messages = data?.messages
  if (!messages || toneOf(messages) === 'quiet') return null
  const share = messages.used >= messages.included ? 'All' : `${percentOf(messages)} % of the`
  return (
    <Strip icon={<TriangleAlert size={16} aria-hidden />} danger={toneOf(messages) === 'danger'}>
      <span>
        {share} {formatShort(messages.included)} messages included in {monthName(Date.now())} are used.{' '}
        {whatHappens(messages)}
      </span>
      <Link to="/apps/$appId/usage" params={{ appId: app.id }} className="font-medium underline underline-offset-2">
        Usage
      </Link>
    </Strip>
  )
}

const RETRY_MS = 5_000

/** What was loaded stays on screen; it is read again as soon as the server answers. */
function Unreachable() {
  const queryClient = useQueryClient()
  const [nextAt, setNextAt] = useState(() => Date.now() + RETRY_MS)
  const tryNow = () => {
    setNextAt(Date.now() + RETRY_MS)
    // An answer, whatever it says, takes this strip away.
    api.session().then(
      () => queryClient.invalidateQueries(),
      () => {},
    )
  }
  useEffect(() => {
    const timer = setTimeout(tryNow, Math.max(0, nextAt - Date.now()))
    return () => clearTimeout(timer)
  })
  return (
    <Strip icon={<TriangleAlert size={16} aria-hidden />} danger>
      <span>The server does not answer. What you see was loaded before.</span> <Countdown to={nextAt} />
      <Button size="sm" onClick={tryNow}>
        Try now
      </Button>
    </Strip>
  )
}

function Paused({ app }: { app: App }) {
  return (
    <Strip icon={<PauseCircle size={16} aria-hidden />}>
      <span>This app is paused: its connections and publishes are refused.</span>
      <Link to="/apps/$appId/settings" params={{ appId: app.id }} className="font-medium underline underline-offset-2">
        Resume it in app settings
      </Link>
    </Strip>
  )
}

interface StripProps {
  icon: ReactNode
  danger?: boolean
  children: ReactNode
}

function Strip({ icon, danger, children }: StripProps) {
  return (
    <div
      role="status"
      className={cx(
        'flex gap-x-3 border-b px-3 py-1.5 md:px-6',
        danger ? 'border-danger bg-danger-soft' : 'border-warn bg-warn-soft',
      )}
    >
      <span className={cx('mt-0.5 shrink-0', danger ? 'text-danger' : 'text-warn')}>{icon}</span>
      <div className="flex min-w-0 flex-1 flex-wrap items-center gap-x-3 gap-y-1">{children}</div>
    </div>
  )
}
