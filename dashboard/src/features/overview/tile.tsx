import type { ReactNode } from 'react'
import { Sparkline } from '#/ui/sparkline'

interface TileProps {
  label: string
  value: string
  /** The line under the number. */
  note: ReactNode
  line?: readonly number[]
  /** Used and included, for a bar in place of a line. */
  share?: { used: number; of: number }
  colour?: string
}

export function Tile({ label, value, note, line, share, colour = 'text-event' }: TileProps) {
  return (
    <div className="flex flex-col rounded-lg border border-line bg-surface px-4 py-3" data-tile={label}>
      <dt className="text-xs text-muted">{label}</dt>
      <dd className="mt-0.5 text-[26px] leading-8 font-semibold tracking-tight">{value}</dd>
      <dd className="min-h-5 text-xs text-muted">{note}</dd>
      <dd className="mt-2 flex h-8 items-end">
        {line && <Sparkline values={line} className={`h-8 w-full ${colour}`} />}
        {share && <Bar {...share} />}
      </dd>
    </div>
  )
}

/** The number above says the same, so the bar is only for the eye. */
function Bar({ used, of }: { used: number; of: number }) {
  const part = of === 0 ? 1 : Math.min(1, used / of)
  return (
    <span aria-hidden="true" className="mb-2 block h-1.5 w-full overflow-hidden rounded-full bg-hover">
      <span
        className={`block h-full rounded-full ${part >= 0.8 ? 'bg-warn' : 'bg-accent'}`}
        style={{ width: `${Math.max(part * 100, used > 0 ? 1 : 0)}%` }}
      />
    </span>
  )
}
