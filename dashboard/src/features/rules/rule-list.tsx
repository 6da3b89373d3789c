/** The rules in the order in which they are tried, the default rule last. Order changes by dragging or with the arrow buttons. */
import { ArrowDown, ArrowUp, GripVertical } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { announce } from '#/ui/announce'
import { Button } from '#/ui/button'
import { cx } from '#/ui/cx'
import { type Draft, describeSettings, moved } from './draft'

interface RuleListProps {
  draft: Draft
  onChange: (draft: Draft) => void
  edit: (id: number | 'default') => void
  /** The rule that decides about the tested channel: its number from 1, or the default one. */
  winner: number | 'default' | null
}

export function RuleList({ draft, onChange, edit, winner }: RuleListProps) {
  const [dragged, setDragged] = useState<number | null>(null)
  const count = draft.ordered.length

  const move = (from: number, to: number) => {
    const pattern = draft.ordered[from]?.pattern
    if (to < 0 || to >= count) return announce(`${pattern} is ${to < 0 ? 'first' : 'last'} already`)
    onChange(moved(draft, from, to))
    announce(`${pattern} is rule ${to + 1} of ${count}`)
  }

  return (
    <ol aria-label="Rules, in the order in which they are tried" className="rounded-lg border border-line bg-surface">
      {draft.ordered.map((rule, at) => (
        <li
          key={rule.id}
          aria-label={`Rule ${at + 1}, ${rule.pattern}`}
          data-winner={winner === at + 1 || undefined}
          draggable={dragged === at}
          onDragEnd={() => setDragged(null)}
          onDragOver={(event) => {
            if (dragged === null) return
            event.preventDefault()
            if (dragged === at) return
            onChange(moved(draft, dragged, at))
            setDragged(at)
          }}
          onDrop={(event) => event.preventDefault()}
          className={cx(
            'flex items-start gap-2 border-b border-line px-2 py-2.5',
            winner === at + 1 && 'bg-accent-soft',
            dragged === at && 'opacity-60',
          )}
        >
          <span
            aria-hidden="true"
            title="Drag to reorder"
            // The row is draggable only from here: text in it stays selectable.
            onPointerDown={() => setDragged(at)}
            onPointerUp={() => setDragged(null)}
            className="mt-1 cursor-grab text-muted hover:text-ink max-sm:hidden"
          >
            <GripVertical size={16} />
          </span>
          <Place>{at + 1}</Place>
          <Content pattern={rule.pattern} settings={describeSettings(rule.settings)} wins={winner === at + 1} />
          <span className="ml-auto flex shrink-0 items-center gap-0.5">
            <Button
              look="ghost"
              size="icon"
              aria-label={`Move ${rule.pattern} up`}
              aria-disabled={at === 0 || undefined}
              onClick={() => move(at, at - 1)}
            >
              <ArrowUp size={14} aria-hidden />
            </Button>
            <Button
              look="ghost"
              size="icon"
              aria-label={`Move ${rule.pattern} down`}
              aria-disabled={at === count - 1 || undefined}
              onClick={() => move(at, at + 1)}
            >
              <ArrowDown size={14} aria-hidden />
            </Button>
            <Button size="sm" aria-label={`Edit ${rule.pattern}`} onClick={() => edit(rule.id)}>
              Edit
            </Button>
          </span>
        </li>
      ))}
      <li
        aria-label="Default rule"
        data-winner={winner === 'default' || undefined}
        className={cx('flex items-start gap-2 rounded-b-lg px-2 py-2.5', winner === 'default' && 'bg-accent-soft')}
      >
        <span aria-hidden="true" className="w-4 max-sm:hidden" />
        <Place>∗</Place>
        <Content pattern={null} settings={describeSettings(draft.default)} wins={winner === 'default'} />
        <Button size="sm" aria-label="Edit the default rule" onClick={() => edit('default')} className="ml-auto">
          Edit
        </Button>
      </li>
    </ol>
  )
}

function Place({ children }: { children: ReactNode }) {
  return (
    <span aria-hidden="true" className="mt-1 w-5 shrink-0 text-center text-xs text-muted tabular-nums">
      {children}
    </span>
  )
}

function Content({ pattern, settings, wins }: { pattern: string | null; settings: string[]; wins: boolean }) {
  return (
    <div className="min-w-0 py-0.5">
      <p className="break-words">
        {pattern === null ? (
          <span className="font-medium">Every other channel</span>
        ) : (
          <code className="font-mono text-xs font-medium break-all">{pattern}</code>
        )}
        {wins && <span className="ml-2 text-xs font-medium text-accent">decides</span>}
      </p>
      <ul className="mt-1 flex flex-wrap gap-1">
        {settings.map((phrase) => (
          <li key={phrase} className="rounded-sm bg-sunken px-1.5 py-px text-xs text-muted">
            {phrase}
          </li>
        ))}
      </ul>
    </div>
  )
}
