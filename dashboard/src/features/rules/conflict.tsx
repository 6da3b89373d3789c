/** Two people changed the rules at once. Nothing of either is lost: it says what the other did, and lets the second choose. */
import { CircleAlert } from 'lucide-react'
import { useEffect, useRef } from 'react'
import type { Rules } from '#/api/types'
import { Button } from '#/ui/button'
import { changesBetween, type Draft, rulesOf } from './draft'

interface ConflictProps {
  mine: Draft
  base: Rules
  theirs: Rules
  busy: boolean
  takeTheirs: () => void
  saveMine: () => void
}

export function Conflict({ mine, base, theirs, busy, takeTheirs, saveMine }: ConflictProps) {
  const element = useRef<HTMLElement>(null)
  useEffect(() => element.current?.focus(), [])
  const theirChanges = changesBetween(base, theirs)
  const lost = changesBetween(theirs, rulesOf(mine, theirs.version))
  return (
    <section
      ref={element}
      tabIndex={-1}
      aria-label="Somebody else saved these rules"
      className="mb-4 rounded-md border border-warn bg-warn-soft px-3 py-2.5"
    >
      <div className="flex items-start gap-2">
        <CircleAlert size={16} className="mt-0.5 shrink-0 text-warn" aria-hidden />
        <div className="min-w-0 flex-1">
          <p className="font-medium">Somebody else saved these rules while you were editing</p>
          <p>
            They {theirChanges.length > 0 ? theirChanges.join(', ') : 'saved without changing anything'}. Your changes
            are still on this page and not saved.
          </p>
          {lost.length > 0 && <p>Compared with theirs, yours: {lost.join(', ')}.</p>}
          <div className="mt-2 flex flex-wrap gap-2">
            <Button size="sm" onClick={takeTheirs}>
              Take theirs, drop mine
            </Button>
            <Button size="sm" busy={busy} onClick={saveMine}>
              Save mine over theirs
            </Button>
          </div>
        </div>
      </div>
    </section>
  )
}
