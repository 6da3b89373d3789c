/** The connection's state in a word, an icon and, while offline, when the next attempt is due. */
import { useEffect, useState } from 'react'
import { Button } from '#/ui/button'
import { cx } from '#/ui/cx'
import { type Link, useConsole } from './console'

const WORDS: Record<Link['status'], string> = {
  connecting: 'Connecting…',
  live: 'Live',
  offline: 'Offline',
  refused: 'Refused',
}

export function LinkStatus() {
  const { link, retry } = useConsole()
  return (
    <div className="flex items-center gap-2 text-xs text-muted">
      <LinkDot status={link.status} />
      <span role="status" className={link.status === 'live' ? 'text-ok' : undefined}>
        {WORDS[link.status]}
      </span>
      {link.status === 'offline' && <Countdown to={link.retryAt} />}
      {(link.status === 'offline' || link.status === 'refused') && (
        <Button size="sm" onClick={retry} title={link.reason}>
          Try now
        </Button>
      )}
    </div>
  )
}

export function LinkDot({ status }: { status: Link['status'] }) {
  return (
    <span
      aria-hidden="true"
      className={cx(
        'size-2 shrink-0 rounded-full border-2',
        status === 'live' && 'border-ok bg-ok',
        status === 'connecting' && 'animate-breathe border-warn bg-warn',
        status === 'offline' && 'border-warn',
        status === 'refused' && 'border-danger bg-danger',
      )}
    />
  )
}

/** Hidden from screen readers, which would read it every second. */
export function Countdown({ to }: { to: number }) {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500)
    return () => clearInterval(timer)
  }, [])
  const seconds = Math.max(0, Math.ceil((to - now) / 1_000))
  return <span aria-hidden="true">{seconds > 0 ? `next try in ${seconds} s` : 'trying…'}</span>
}
