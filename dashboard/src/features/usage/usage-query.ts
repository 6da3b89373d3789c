/** Usage as charts want it: whole periods, zeros filled in, connections as peak and average. */
import { queryOptions } from '@tanstack/react-query'
import { api } from '#/api/client'
import type { Usage } from '#/api/types'
import { boundsOf, type ChartData, dense, type Range, rangeInfo, type Series, timesOf } from './chart-data'

/** What is shown is as old as this at most; the server itself is some seconds behind the traffic. */
export const REFRESH_MS = 5_000

export type Tab = 'in' | 'out' | 'connections'

export const TABS: readonly { value: Tab; label: string }[] = [
  { value: 'in', label: 'Messages in' },
  { value: 'out', label: 'Messages out' },
  { value: 'connections', label: 'Connections' },
]

export interface UsageView {
  chart: ChartData
  /** Numbers over the whole range, each with its name. */
  figures: readonly { label: string; value: number }[]
  /** How each number is counted, in the words of the code that counts. */
  rules: readonly { title: string; text: string }[]
  completeTo: number
}

export const usageQuery = (app: string, tab: Tab, range: Range) =>
  queryOptions({
    queryKey: ['apps', app, 'usage', tab, range],
    queryFn: () => readUsage(app, tab, range),
    refetchInterval: REFRESH_MS,
    staleTime: REFRESH_MS / 2,
  })

async function readUsage(app: string, tab: Tab, range: Range): Promise<UsageView> {
  const bounds = boundsOf(range, Date.now())
  const { resolution, periodMs } = rangeInfo(range)
  const times = timesOf(bounds, periodMs)
  const read = (metric: string) => api.usage(app, questionOf(metric, range, bounds))
  const values = (usage: Usage) => dense(pointsOf(usage), times)
  const ruleOf = ({ title, rule }: Usage) => ({ title, text: rule })

  if (tab === 'connections') {
    const [peak, time] = await Promise.all([read('peak_connections'), read('connection_ms')])
    const completeTo = Date.parse(peak.complete_to)
    const series: Series[] = [
      { id: 'peak', label: 'Peak', unit: 'connections', values: values(peak), summed: false },
      {
        id: 'average',
        label: 'Average',
        unit: 'connections',
        values: values(time).map((ms, at) => ms / lengthOf(times[at] ?? 0, periodMs, completeTo)),
        dashed: true,
        summed: false,
      },
    ]
    const sum = values(time).reduce((sum, ms) => sum + ms, 0)
    return {
      chart: { times, series, range },
      figures: [
        { label: 'Peak', value: Math.max(0, ...values(peak)) },
        { label: 'Average', value: sum / Math.max(1, Math.min(completeTo, bounds.to) - bounds.from) },
      ],
      rules: [ruleOf(peak), ruleOf(time)],
      completeTo,
    }
  }

  const usage = await read(tab === 'in' ? 'messages_in' : 'messages_out')
  const counted = values(usage)
  const label = TABS.find((known) => known.value === tab)?.label ?? ''
  return {
    chart: { times, series: [{ id: tab, label, unit: 'messages', values: counted, summed: true }], range },
    figures: [
      { label: 'Total', value: counted.reduce((sum, value) => sum + value, 0) },
      { label: `Most in one ${resolution}`, value: Math.max(0, ...counted) },
    ],
    rules: [ruleOf(usage)],
    completeTo: Date.parse(usage.complete_to),
  }
}

function questionOf(metric: string, range: Range, { from, to }: { from: number; to: number }) {
  const { resolution } = rangeInfo(range)
  return { metric, resolution, from: new Date(from).toISOString(), to: new Date(to).toISOString() }
}

function pointsOf(usage: Usage): { at: number; value: number }[] {
  return usage.items.map(({ ts, value }) => ({ at: Date.parse(ts), value }))
}

/** The running period has only come as far as the numbers are complete. */
function lengthOf(from: number, periodMs: number, completeTo: number): number {
  return Math.max(1_000, Math.min(periodMs, completeTo - from))
}
