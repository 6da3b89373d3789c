import { describe, expect, it } from 'vitest'
import type { UsageView } from '#/features/usage/usage-query'
import { liveNumbers } from './live'

const START = Date.UTC(2026, 10, 24, 14)
const view = (id: string, values: number[], completeTo: number): UsageView => ({
  chart: {
    range: 'hour',
    times: values.map((_, at) => START + at * 60_000),
    series: [{ id, label: id, unit: '', values, summed: true }],
  },
  figures: [],
  rules: [],
  completeTo,
})

function at(seconds: number) {
  const completeTo = START + seconds * 1_000
  return liveNumbers(
    view('in', [0, 120, 30], completeTo),
    view('out', [0, 60, 90], completeTo),
    view('peak', [2, 3, 9], completeTo),
  )
}

describe('live numbers', () => {
  it('are rates over the running minute once it is long enough', () => {
    expect(at(150).perSecond).toEqual({ in: 1, out: 3 })
    expect(at(150).connections).toBe(9)
    expect(at(150).messagesLine).toEqual([0, 180, 120])
  })

  it('are rates over the minute before until then', () => {
    expect(at(125).perSecond).toEqual({ in: 2, out: 1 })
    expect(at(125).connections).toBe(3)
    expect(at(125).connectionsLine).toEqual([2, 3])
  })

  it('do not look past what is complete', () => {
    expect(at(119).connections).toBe(3)
    expect(at(-5).connections).toBe(2)
  })
})
