/** The live list: oldest first, so that nothing moves under the pointer; it follows the end until somebody scrolls up. */
import { ArrowDown } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { Button } from '#/ui/button'
import { cx } from '#/ui/cx'
import { clockTime } from '#/ui/time'
import type { FeedRow } from './feed'
import { formatLatency } from './latency'

export function MessageList({ rows, live }: { rows: readonly FeedRow[]; live: boolean }) {
  const box = useRef<HTMLDivElement>(null)
  const [following, setFollowing] = useState(true)
  const last = rows.at(-1)?.id

  // biome-ignore lint/correctness/useExhaustiveDependencies: a different last row is what scrolls.
  useEffect(() => {
    if (following && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [last, following])

  const scrolled = () => {
    const element = box.current
    if (element) setFollowing(element.scrollHeight - element.scrollTop - element.clientHeight < 24)
  }

  return (
    <div className="relative">
      <div
        ref={box}
        role="log"
        aria-label="Messages on hello"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
        tabIndex={0}
        onScroll={scrolled}
        className="h-72 overflow-y-auto rounded-b-lg xl:h-[clamp(280px,calc(100dvh-330px),640px)] focus-visible:-outline-offset-2"
      >
        {rows.length === 0 ? <Waiting live={live} /> : rows.map((row) => <MessageRow key={row.id} row={row} />)}
      </div>
      {!following && (
        <Button size="sm" className="absolute right-4 bottom-3" onClick={() => setFollowing(true)}>
          <ArrowDown size={14} aria-hidden /> Newest
        </Button>
      )}
    </div>
  )
}

function MessageRow({ row }: { row: FeedRow }) {
  return (
    <div className="relative animate-appear border-b border-line py-2 pr-3 pl-4" data-testid="message">
      {!row.earlier && <span aria-hidden="true" className="gutter-flash absolute inset-y-0 left-0 w-1" />}
      <div className="flex items-baseline justify-between gap-3 text-xs text-muted">
        <span className="truncate">
          <time dateTime={new Date(row.at).toISOString()} className="font-mono">
            {clockTime(row.at)}
          </time>
          <span className={cx('ml-2.5 text-event', row.event === 'message' && 'max-sm:hidden')}>{row.event}</span>
          <span className="ml-2.5">{origin(row)}</span>
        </span>
        <Latency row={row} />
      </div>
      <p className="mt-0.5 font-mono text-xs break-words text-ink">{row.json}</p>
    </div>
  )
}

function Latency({ row }: { row: FeedRow }) {
  if (row.earlier) return <span className="shrink-0">sent earlier</span>
  if (row.latencyMs === null) return <span className="shrink-0">arrived</span>
  return (
    <span className={cx('shrink-0', row.latencyMs < 1_000 && 'text-ok')} data-testid="latency">
      arrived in {formatLatency(row.latencyMs)}
    </span>
  )
}

function origin(row: FeedRow): string {
  if (row.from === 'page') return 'this page'
  if (row.from === 'server') return 'your code'
  if (row.from === 'console') return 'dashboard'
  return row.from
}

function Waiting({ live }: { live: boolean }) {
  return (
    <div className="flex h-full flex-col items-center justify-center gap-3 px-6 text-center text-muted">
      <svg
        width="72"
        height="32"
        viewBox="0 0 72 32"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        aria-hidden="true"
      >
        <path d="M2 16h20M50 16h20" strokeLinecap="round" strokeDasharray="1 5" />
        <circle cx="36" cy="16" r="3" className={live ? 'animate-breathe fill-accent stroke-none' : 'fill-none'} />
        <circle cx="36" cy="16" r="9" className="stroke-control" />
      </svg>
      <p>
        {live
          ? 'Waiting for your first message… run the curl line or press Send'
          : 'Messages appear here once the channel is live.'}
      </p>
    </div>
  )
}
