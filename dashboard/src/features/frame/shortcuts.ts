/** The single-key shortcuts as one table, and the small machine that reads sequences such as `g` then `k`. */

export type Place = 'overview' | 'welcome' | 'keys' | 'rules' | 'usage' | 'limits' | 'apps' | 'settings'
export type ShortcutAction = { go: Place } | { switchApp: 1 | -1 } | { show: 'shortcuts' }

interface Shortcut {
  keys: readonly string[]
  label: string
  action: ShortcutAction
}

export const SHORTCUTS: readonly Shortcut[] = [
  { keys: ['g', 'o'], label: 'Overview', action: { go: 'overview' } },
  { keys: ['g', 'w'], label: 'Welcome', action: { go: 'welcome' } },
  { keys: ['g', 'k'], label: 'Keys', action: { go: 'keys' } },
  { keys: ['g', 'r'], label: 'Rules', action: { go: 'rules' } },
  { keys: ['g', 'u'], label: 'Usage', action: { go: 'usage' } },
  { keys: ['g', 'l'], label: 'Limits', action: { go: 'limits' } },
  { keys: ['g', 'a'], label: 'Apps', action: { go: 'apps' } },
  { keys: ['g', 's'], label: 'Settings', action: { go: 'settings' } },
  { keys: ['['], label: 'Previous app', action: { switchApp: -1 } },
  { keys: [']'], label: 'Next app', action: { switchApp: 1 } },
  { keys: ['?'], label: 'This list', action: { show: 'shortcuts' } },
]

/** After this long the first key of a sequence is forgotten. */
const SEQUENCE_MS_MAX = 1_500

export interface Pending {
  keys: readonly string[]
  at: number
}

export const NOTHING_PENDING: Pending = { keys: [], at: 0 }

/** What a key does after the ones before it: an action, or the start of a sequence, or nothing. */
export function press(pending: Pending, key: string, now: number): { pending: Pending; action?: ShortcutAction } {
  const before = now - pending.at <= SEQUENCE_MS_MAX ? pending.keys : []
  for (const keys of before.length > 0 ? [[...before, key], [key]] : [[key]]) {
    const begun = SHORTCUTS.filter((shortcut) => keys.every((key, at) => shortcut.keys[at] === key))
    const done = begun.find((shortcut) => shortcut.keys.length === keys.length)
    if (done) return { pending: NOTHING_PENDING, action: done.action }
    if (begun.length > 0) return { pending: { keys, at: now } }
  }
  return { pending: NOTHING_PENDING }
}

/** Keys that somebody types into something, or that belong to the browser, are not ours. */
export function isForPage(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false
  const target = event.target instanceof Element ? event.target : null
  return !target?.closest('input, textarea, select, [contenteditable], [role=menu], [role=dialog]')
}
