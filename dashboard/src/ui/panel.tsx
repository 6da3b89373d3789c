/** Boxes that pages are made of: a bordered section with a heading, and what stands where there is nothing yet. */
import type { ReactNode } from 'react'
import { useId } from 'react'
import { cx } from './cx'

interface PanelProps {
  title: string
  lead?: ReactNode
  aside?: ReactNode
  danger?: boolean
  children: ReactNode
}

export function Panel({ title, lead, aside, danger, children }: PanelProps) {
  const id = useId()
  return (
    <section
      aria-labelledby={id}
      className={cx('rounded-lg border bg-surface', danger ? 'border-danger' : 'border-line')}
    >
      <header className="flex min-h-12 flex-wrap items-center justify-between gap-x-4 gap-y-2 border-b border-line px-4 py-2">
        <div className="min-w-0">
          <h2 id={id} className="text-base font-semibold">
            {title}
          </h2>
          {lead && <p className="max-w-[68ch] text-muted">{lead}</p>}
        </div>
        {aside}
      </header>
      {children}
    </section>
  )
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="rounded-lg border border-dashed border-control bg-surface px-4 py-10 text-center">
      <p className="font-medium">{title}</p>
      {children && <div className="mx-auto mt-1 max-w-[56ch] text-muted">{children}</div>}
    </div>
  )
}

/** Grey bars in the shape of what comes. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div aria-hidden="true" className="animate-appear space-y-3 rounded-lg border border-line bg-surface p-4">
      {Array.from({ length: lines }, (_, line) => (
        <div
          // biome-ignore lint/suspicious/noArrayIndexKey: the bars are all alike.
          key={line}
          className={cx('h-4 max-w-full rounded-sm bg-hover', line % 2 === 0 ? 'w-48' : 'w-80')}
        />
      ))}
    </div>
  )
}
