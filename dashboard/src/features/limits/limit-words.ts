/** Limits as people read and type them. */
import type { Limit } from '#/api/types'
import { formatBytes, formatCount, formatDuration } from '#/ui/format'

export function formatLimit(value: number | null, unit: string): string {
  if (value === null) return 'no limit'
  if (unit === 'ms') return formatDuration(value)
  if (unit === 'bytes') return formatBytes(value)
  if (unit === 'messages/s') return `${formatCount(value)} per second`
  return formatCount(value)
}

const UNITS: Record<string, { factor: number; unit: string }> = {
  ms: { factor: 60_000, unit: 'minutes' },
  'messages/s': { factor: 1, unit: 'messages per second' },
}

/** What is typed, and how much of the limit's own unit one of it is. */
export function inputUnit(unit: string): { factor: number; unit: string } {
  return UNITS[unit] ?? { factor: 1, unit }
}

export function mistakeOf(text: string, { unit, plan_value }: Pick<Limit, 'unit' | 'plan_value'>): string | undefined {
  const { factor } = inputUnit(unit)
  const value = Number(text) * factor
  if (text.trim() === '' || !(value >= 0)) return 'Give a number.'
  if (!Number.isInteger(value)) return 'Give a whole number.'
  if (plan_value !== null && value > plan_value)
    return `The plan has ${formatLimit(plan_value, unit)}; give that or less.`
  return undefined
}
