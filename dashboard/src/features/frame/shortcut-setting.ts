/** Whether single-key shortcuts work. People who dictate, or type with switches, turn them off (WCAG 2.1.4). */
import { useSyncExternalStore } from 'react'

const KEY = 'peal.shortcuts'
const watchers = new Set<() => void>()

export function shortcutsOn(): boolean {
  try {
    return localStorage.getItem(KEY) !== 'off'
  } catch {
    return true
  }
}

export function setShortcutsOn(on: boolean): void {
  try {
    if (on) localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, 'off')
  } catch {
    // Without storage they stay on.
  }
  for (const watcher of watchers) watcher()
}

export function useShortcutsOn(): boolean {
  return useSyncExternalStore(subscribe, shortcutsOn)
}

function subscribe(watcher: () => void): () => void {
  watchers.add(watcher)
  return () => watchers.delete(watcher)
}
