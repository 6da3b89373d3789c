import { describe, expect, it } from 'vitest'
import { formatLatency, latencyFromElsewhere, measureClock } from './latency'

describe('latency', () => {
  it('learns the clock difference from a round trip', () => {
    // Sent at 1000, back at 1040, stamped 6020 by a server whose clock is 5 s ahead.
    expect(measureClock(null, 1_000, 1_040, 6_020)).toEqual({ ms: 5_000, uncertainty: 20 })
  })

  it('keeps the surer of two measurements', () => {
    const sure = measureClock(null, 1_000, 1_010, 1_005)
    expect(measureClock(sure, 2_000, 2_400, 2_390)).toBe(sure)
    expect(measureClock(sure, 3_000, 3_002, 3_001).uncertainty).toBe(1)
  })

  it('corrects by the difference', () => {
    expect(latencyFromElsewhere({ ms: 5_000, uncertainty: 5 }, 1_038, 6_000)).toBe(38)
  })

  it('does not correct by less than is known', () => {
    expect(latencyFromElsewhere({ ms: -3, uncertainty: 4 }, 1_005, 1_000)).toBe(5)
  })

  it('is never negative', () => {
    expect(latencyFromElsewhere({ ms: 0, uncertainty: 5 }, 999, 1_000)).toBe(0)
  })

  it('shows nothing when unmeasured clocks plainly disagree', () => {
    expect(latencyFromElsewhere(null, 1_038, 1_000)).toBe(38)
    expect(latencyFromElsewhere(null, 900, 1_000)).toBeNull()
    expect(latencyFromElsewhere(null, 61_000, 1_000)).toBeNull()
  })

  it('reads well', () => {
    expect([0.4, 1, 38.4, 999, 1_240].map(formatLatency)).toEqual(['< 1 ms', '1 ms', '38 ms', '999 ms', '1.24 s'])
  })
})
