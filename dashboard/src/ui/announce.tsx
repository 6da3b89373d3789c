/** Says things to screen readers that sighted people see otherwise, such as "Copied". */
import { useSyncExternalStore } from 'react'

let spoken = ''
let turn = 0
const watchers = new Set<() => void>()

export function announce(text: string): void {
  // A repeated sentence is only read again if the text differs, so every other one ends with a no-break space.
  turn += 1
  spoken = turn % 2 === 0 ? text : `${text}\u00a0`
  for (const watcher of watchers) watcher()
}

/** Mounted once, at the root: a live region must be in the page before its text changes. */
export function Announcer() {
  const text = useSyncExternalStore(subscribe, () => spoken)
  return (
    <div role="status" aria-live="polite" className="sr-only" data-testid="announcer">
      {text}
    </div>
  )
}

function subscribe(watcher: () => void): () => void {
  watchers.add(watcher)
  return () => watchers.delete(watcher)
}
