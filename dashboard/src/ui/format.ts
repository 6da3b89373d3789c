/** Numbers as people read them. English grouping everywhere, so that screenshots and support talk agree. */

const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const TENTHS = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 })
const HUNDREDTHS = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 })
const SHORT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })

/** `1,204`; below ten with one decimal if it has one. */
export function formatCount(value: number): string {
  return Math.abs(value) < 10 ? TENTHS.format(value) : WHOLE.format(value)
}

/** A rate or an average: small ones with more digits, so that something does not read as nothing. */
export function formatRate(value: number): string {
  if (value > 0 && value < 0.005) return '< 0.01'
  return value < 1 ? HUNDREDTHS.format(value) : formatCount(value)
}

/** `1.2M`, for axes and narrow places. */
export function formatShort(value: number): string {
  return Math.abs(value) < 10_000 ? formatCount(value) : SHORT.format(value)
}

const DURATIONS: [number, string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
]

/** `2 min`, `24 h`; the largest unit that is whole, and days only beyond three. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0 s'
  for (const [length, unit] of DURATIONS) {
    if (ms % length === 0 && !(unit === 'd' && ms <= 3 * length)) return `${WHOLE.format(ms / length)} ${unit}`
  }
  return `${WHOLE.format(ms)} ms`
}

/** `64 KiB` where it is whole, else bytes. */
export function formatBytes(bytes: number): string {
  for (const [size, unit] of [
    [1 << 20, 'MiB'],
    [1 << 10, 'KiB'],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${WHOLE.format(bytes / size)} ${unit}`
  }
  return `${WHOLE.format(bytes)} bytes`
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}
