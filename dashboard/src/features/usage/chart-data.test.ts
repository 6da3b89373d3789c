import { describe, expect, it } from 'vitest'
import { boundsOf, type ChartData, isEmpty, summarize } from './chart-data'

const now = new Date(2026, 10, 24, 14, 5, 40).getTime()
const hour = boundsOf('hour', now)
const times = Array.from({ length: 60 }, (_, at) => hour.from + at * 60_000)

describe('a chart', () => {
  it('covers whole periods up to the running one', () => {
    expect(hour.to).toBe(new Date(2026, 10, 24, 14, 6).getTime())
    expect(hour.to - hour.from).toBe(3_600_000)
    expect(boundsOf('month', now).to % 86_400_000).toBe(0)
  })

  it('says in words what it draws', () => {
    const values = times.map((_, at) => (at === 58 ? 88 : at === 59 ? 12 : 0))
    const data: ChartData = {
      range: 'hour',
      times,
      series: [{ id: 'in', label: 'Messages in', unit: 'messages', values, summed: true }],
    }
    expect(summarize(data)).toBe('Messages in: 100 in all, most 88 at 14:04, latest 12.')
    expect(isEmpty(data)).toBe(false)
  })

  it('says so when there is nothing', () => {
    const series = { id: 'peak', label: 'Peak', unit: 'connections', values: times.map(() => 0), summed: false }
    const data: ChartData = { range: 'hour', times, series: [series] }
    expect(summarize(data)).toBe('Peak: none in the last hour.')
    expect(isEmpty(data)).toBe(true)
  })
})
