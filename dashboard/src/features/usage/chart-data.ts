/** What a chart shows, apart from how it is drawn: series over one time axis, their summary in words, and their table. */
import { formatCount, formatRate } from '#/ui/format'

export type Range = 'hour' | 'day' | 'month'

export interface RangeInfo {
  value: Range
  label: string
  /** For sentences: "in the last hour". */
  words: string
  resolution: 'minute' | 'hour' | 'day'
  periods: number
  periodMs: number
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export const RANGES: readonly RangeInfo[] = [
  { value: 'hour', label: 'Last hour', words: 'in the last hour', resolution: 'minute', periods: 60, periodMs: MINUTE },
  { value: 'day', label: '24 hours', words: 'in the last 24 hours', resolution: 'hour', periods: 24, periodMs: HOUR },
  { value: 'month', label: '30 days', words: 'in the last 30 days', resolution: 'day', periods: 30, periodMs: DAY },
]

export function rangeInfo(range: Range): RangeInfo {
  return RANGES.find((info) => info.value === range) ?? (RANGES[0] as RangeInfo)
}

/** Whole periods (UTC, as they are stored), the one that is running included. */
export function boundsOf(range: Range, now: number): { from: number; to: number } {
  const { periods, periodMs } = rangeInfo(range)
  const to = Math.floor(now / periodMs) * periodMs + periodMs
  return { from: to - periods * periodMs, to }
}

export interface Series {
  id: string
  label: string
  unit: string
  /** One for each time of the axis. */
  values: readonly number[]
  /** Drawn dashed, so that lines differ by more than colour. */
  dashed?: boolean
  /** A sum makes sense for messages, none for connections. */
  summed: boolean
}

export interface ChartData {
  /** Beginnings of the periods, in ms. */
  times: readonly number[]
  series: readonly Series[]
  range: Range
}

export function isEmpty(data: ChartData): boolean {
  return data.series.every((series) => series.values.every((value) => value === 0))
}

/** "Messages in: 1,204 in all, most 88 at 14:05; now 12." */
export function summarize(data: ChartData): string {
  return data.series.map((series) => summarizeSeries(series, data)).join(' ')
}

function summarizeSeries(series: Series, data: ChartData): string {
  const most = Math.max(0, ...series.values)
  if (most === 0) return `${series.label}: none ${rangeInfo(data.range).words}.`
  const at = data.times[series.values.indexOf(most)] ?? 0
  const last = series.values.at(-1) ?? 0
  const sum = series.values.reduce((sum, value) => sum + value, 0)
  const all = series.summed ? `${formatCount(sum)} in all, ` : ''
  return `${series.label}: ${all}most ${formatRate(most)} ${data.range === 'month' ? 'on' : 'at'} ${periodLabel(at, data.range)}, latest ${formatRate(last)}.`
}

/** Minutes and hours on the person's clock; days as UTC has them, because that is how they are counted. */
export function periodLabel(at: number, range: Range): string {
  if (range === 'month') {
    return new Date(at).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })
  }
  return new Date(at).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
}
