/**
 * In the top bar: how much of the month's messages is used, and in its text for screen readers and on hover, what then happens. On a narrow
 * screen there is no room for it; the banner says it there, once it matters.
 */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { OctagonAlert, TriangleAlert } from 'lucide-react'
import { quotaQuery } from '#/api/queries'
import type { App, QuotaMessages } from '#/api/types'
import { cx } from '#/ui/cx'
import { formatShort } from '#/ui/format'
import { percentOf, type Tone, toneOf, usedOf, whatHappens } from './quota-words'

const LOOKS: Record<Tone, string> = {
  quiet: 'border-control text-muted hover:text-ink',
  warn: 'border-warn bg-warn-soft text-ink',
  danger: 'border-danger bg-danger-soft text-ink',
}

export function QuotaPill({ app }: { app: App }) {
  const { data } = useQuery({ ...quotaQuery, refetchInterval: 60_000 })
  return data?.messages ? <Pill app={app} messages={data.messages} /> : null
}

function Pill({ app, messages }: { app: App; messages: QuotaMessages }) {
  const tone = toneOf(messages)
  const percent = percentOf(messages)
  const words = `${usedOf(messages)} of this month are used, ${percent} %. ${whatHappens(messages)}`
  return (
    <Link
      to="/apps/$appId/limits"
      params={{ appId: app.id }}
      title={words}
      data-quota={messages.standing}
      className={cx(
        'flex h-7 shrink-0 max-sm:hidden items-center gap-1.5 rounded-full border px-2.5 text-xs whitespace-nowrap tabular-nums',
        LOOKS[tone],
      )}
    >
      {tone === 'warn' && <TriangleAlert size={14} className="text-warn" aria-hidden />}
      {tone === 'danger' && <OctagonAlert size={14} className="text-danger" aria-hidden />}
      <span className="max-md:hidden">
        {formatShort(messages.used)} / {formatShort(messages.included)}
      </span>
      <span className={tone === 'quiet' ? 'md:hidden' : undefined}>{percent} %</span>
      <span className="sr-only">: {words}</span>
    </Link>
  )
}
