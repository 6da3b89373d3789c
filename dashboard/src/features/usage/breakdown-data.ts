/** A breakdown as rows: what each value is called, and its share of all. */
import type { UsageBreakdown, UsageDimension } from '#/api/types'

export type Dimension = UsageDimension

export const DIMENSIONS: readonly { value: Dimension; label: string }[] = [
  { value: 'namespace', label: 'Namespace' },
  { value: 'key', label: 'Key' },
  { value: 'transport', label: 'Transport' },
  { value: 'protocol', label: 'Protocol' },
]

export interface Part {
  key: string
  label: string
  /** Longer, for whoever points at it. */
  detail: string
  /** The label is the customer's own word. */
  named: boolean
  value: number
  /** Of all, from 0 to 1. */
  share: number
  percent: string
}

/** Rows that a person reads; a CSV has them all. */
const ROWS_MAX = 20

const WORDS: Record<string, string> = { websocket: 'WebSocket', rest: 'HTTP', native: 'Native', pusher: 'Pusher' }

export function partsOf({ by, items }: Pick<UsageBreakdown, 'by' | 'items'>): Part[] {
  const whole = items.reduce((sum, item) => sum + item.value, 0)
  const rest = items.filter((item, at) => item.label === '*' || at >= ROWS_MAX)
  const shown = items.filter((item, at) => item.label !== '*' && at < ROWS_MAX)
  const part = (label: string, value: number, more: Partial<Part>): Part => {
    const share = whole === 0 ? 0 : value / whole
    return { key: label, label, detail: label, named: false, value, share, percent: percentOf(share), ...more }
  }
  const parts = shown.map(({ label, name, value }) => {
    if (by === 'key')
      return part(label, value, { label: name ?? label, detail: name ? `${name}, ${label}` : label, named: !name })
    if (by === 'namespace' && label === '') {
      return part(label, value, { label: 'no namespace', detail: 'Channels without a : or . in their name' })
    }
    return part(label, value, by === 'namespace' ? { named: true } : { label: WORDS[label] ?? label })
  })
  const others = rest.reduce((sum, item) => sum + item.value, 0)
  if (others > 0) parts.push(part('*', others, { label: 'everything else', detail: 'Not among the largest' }))
  return parts
}

function percentOf(share: number): string {
  if (share > 0 && share < 0.001) return '< 0.1 %'
  return `${(share * 100).toLocaleString('en-US', { maximumFractionDigits: share < 0.1 ? 1 : 0 })} %`
}
