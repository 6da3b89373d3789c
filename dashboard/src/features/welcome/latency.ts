/**
 * How long messages took. For one that this page sent, both ends are read from one clock. For any other, the server's time of
 * acceptance is compared with this computer's clock, corrected by the difference that the page's own messages have shown:
 * the server's timestamp lies between sending and arrival, so the quicker the round trip, the surer the difference.
 */

export interface ClockDifference {
  /** Server time less local time, in ms. */
  ms: number
  /** By how much it may be wrong. */
  uncertainty: number
}

/** Without a measured difference, a plausible result is shown and an implausible one is not. */
const PLAUSIBLE_MS = 10_000

export function measureClock(
  known: ClockDifference | null,
  sentAt: number,
  arrivedAt: number,
  serverTs: number,
): ClockDifference {
  const uncertainty = (arrivedAt - sentAt) / 2
  if (known && known.uncertainty <= uncertainty) return known
  return { ms: serverTs - (sentAt + arrivedAt) / 2, uncertainty }
}

export function latencyFromElsewhere(
  clock: ClockDifference | null,
  arrivedAt: number,
  serverTs: number,
): number | null {
  // A difference that is no larger than its own uncertainty is no difference.
  const correction = clock && Math.abs(clock.ms) > clock.uncertainty ? clock.ms : 0
  const ms = arrivedAt + correction - serverTs
  if (!clock && (ms < 0 || ms > PLAUSIBLE_MS)) return null
  return Math.max(0, ms)
}

/** `38 ms`, `1.24 s`. Below a millisecond the clocks do not tell more than that. */
export function formatLatency(ms: number): string {
  if (ms < 1) return '< 1 ms'
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`
}
