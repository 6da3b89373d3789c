/** Whether the control plane answers at all, told by the last call. Any answer counts, also a refusal. */
import { useSyncExternalStore } from 'react'

let reachable = true
const watchers = new Set<() => void>()

export function reportReachable(now: boolean): void {
  if (now === reachable) return
  reachable = now
  for (const watcher of watchers) watcher()
}

export function useReachable(): boolean {
  return useSyncExternalStore(subscribe, () => reachable)
}

function subscribe(watcher: () => void): () => void {
  watchers.add(watcher)
  return () => watchers.delete(watcher)
}
