/** The live numbers of the overview, from the minutes of the last hour. */
import type { UsageView } from '#/features/usage/usage-query'

const MINUTE = 60_000
/** Over less of a minute than this, a rate says little, and the minute before is shown. */
const RATE_MS_MIN = 20_000

/** Connections are heard of this much after messages; a younger minute seems empty. */
const CONNECTIONS_LATE_MS = 20_000

export interface Live {
  /** The most connections at once in the newest minute that has been heard of. */
  connections: number
  perSecond: { in: number; out: number }
  /** Per minute of the last hour. */
  connectionsLine: readonly number[]
  messagesLine: readonly number[]
  completeTo: number
}

export function liveNumbers(incoming: UsageView, outgoing: UsageView, connections: UsageView): Live {
  const ins = valuesOf(incoming, 'in')
  const outs = valuesOf(outgoing, 'out')
  const peaks = valuesOf(connections, 'peak')
  const completeTo = Math.min(incoming.completeTo, outgoing.completeTo)
  const heard = newest(connections, CONNECTIONS_LATE_MS)
  return {
    connections: peaks[heard] ?? 0,
    perSecond: { in: rate(incoming, ins), out: rate(outgoing, outs) },
    connectionsLine: peaks.slice(0, heard + 1),
    messagesLine: ins.map((value, at) => value + (outs[at] ?? 0)),
    completeTo,
  }
}

function valuesOf(view: UsageView, id: string): readonly number[] {
  return view.chart.series.find((series) => series.id === id)?.values ?? []
}

/** The newest minute that had begun so long before the time up to which the numbers are complete. */
function newest({ chart, completeTo }: UsageView, lateMs = 0): number {
  const at = chart.times.findLastIndex((time) => time < completeTo - lateMs)
  return Math.max(0, at)
}

function rate(view: UsageView, values: readonly number[]): number {
  const at = newest(view)
  const elapsed = Math.min(MINUTE, view.completeTo - (view.chart.times[at] ?? 0))
  if (elapsed < RATE_MS_MIN && at > 0) return (values[at - 1] ?? 0) / (MINUTE / 1_000)
  return (values[at] ?? 0) / Math.max(1, elapsed / 1_000)
}
