/** What a key may do, as the phrases and rows that people read: `{"chat.*": ["publish"]}` is "publish on chat.*". */
import type { Capabilities } from '#/api/types'
import { matchesChannel, patternMistake } from '#/ui/pattern'

export const OPERATIONS = [
  { id: 'subscribe', hint: 'Receive messages' },
  { id: 'publish', hint: 'Send messages' },
  { id: 'presence', hint: 'Enter channels and see who is there' },
  { id: 'history', hint: 'Read earlier messages' },
  { id: 'inspect', hint: 'Read channels, members and connections through the API' },
  { id: 'admin', hint: 'Disconnect clients and revoke tokens' },
] as const

export type Operation = (typeof OPERATIONS)[number]['id']

/** A line of the matrix. */
export interface Row {
  id: number
  pattern: string
  operations: readonly Operation[]
}

export function describeCapabilities(capabilities: Capabilities): string[] {
  const phrases = Object.entries(capabilities).map(([pattern, operations]) => {
    const verbs = operations.includes('*') ? 'everything' : operations.join(', ')
    return pattern === '*'
      ? verbs === 'everything'
        ? 'full access'
        : `${verbs} on every channel`
      : `${verbs} on ${pattern}`
  })
  return phrases.length > 0 ? phrases : ['nothing']
}

export function mayPublish(capabilities: Capabilities, channel: string): boolean {
  return grantingRow(rowsOf(capabilities), 'publish', channel) !== null
}

export function rowsOf(capabilities: Capabilities): Row[] {
  const all = OPERATIONS.map((operation) => operation.id)
  return Object.entries(capabilities).map(([pattern, operations], id) => ({
    id,
    pattern,
    operations: operations.includes('*') ? all : all.filter((operation) => operations.includes(operation)),
  }))
}

export function capabilitiesOf(rows: readonly Row[]): Capabilities {
  return Object.fromEntries(
    rows.map(({ pattern, operations }) => [pattern, operations.length === OPERATIONS.length ? ['*'] : [...operations]]),
  )
}

/** The first row that grants the operation on the channel, counted from 1; null when none does. */
export function grantingRow(rows: readonly Row[], operation: Operation, channel: string): number | null {
  const at = rows.findIndex((row) => row.operations.includes(operation) && matchesChannel(row.pattern, channel))
  return at < 0 ? null : at + 1
}

/** What is wrong with each row, by its id. */
export function rowMistakes(rows: readonly Row[]): Map<number, string> {
  const mistakes = new Map<number, string>()
  rows.forEach((row, at) => {
    const first = rows.findIndex((other) => other.pattern === row.pattern)
    const mistake =
      patternMistake(row.pattern) ??
      (first < at ? `Row ${first + 1} has the same pattern.` : undefined) ??
      (row.operations.length === 0 ? 'Tick at least one operation.' : undefined)
    if (mistake) mistakes.set(row.id, mistake)
  })
  return mistakes
}
