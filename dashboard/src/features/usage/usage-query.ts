/** Usage as charts want it: one answer of the API for each metric and range. */
import { queryOptions } from '@tanstack/react-query'
import { api, type UsageQuestion } from '#/api/client'
import type { Usage } from '#/api/types'
import { boundsOf, type ChartData, type Range, rangeInfo, type Series } from './chart-data'

/** The server is up to seven seconds behind the traffic, and ten are promised. */
const REFRESH_MS = 2_500

export type Tab = 'in' | 'out' | 'connections'

interface TabInfo {
  value: Tab
  label: string
  metrics: readonly string[]
  /** What its breakdown counts. */
  brokenDown: string
}

export const TABS: readonly TabInfo[] = [
  { value: 'in', label: 'Messages in', metrics: ['messages_in'], brokenDown: 'messages_in' },
  { value: 'out', label: 'Messages out', metrics: ['messages_out'], brokenDown: 'messages_out' },
  {
    value: 'connections',
    label: 'Connections',
    // The answer about the peak has the average beside it, which is made of the connection time.
    metrics: ['peak_connections', 'connection_ms'],
    brokenDown: 'connections_opened',
  },
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
    queryFn: async () => viewOf(await api.usage(app, usageQuestion(tab, range, Date.now())), tab, range),
    refetchInterval: REFRESH_MS,
    staleTime: REFRESH_MS / 2,
  })

export function usageQuestion(tab: Tab, range: Range, now: number): UsageQuestion {
  const { from, to } = boundsOf(range, now)
  return {
    metric: metricsOf(tab)[0] ?? '',
    resolution: rangeInfo(range).resolution,
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
  }
}

function viewOf(usage: Usage, tab: Tab, range: Range): UsageView {
  const values = usage.items.map((item) => item.value)
  const averages = usage.items.map((item) => item.average ?? 0)
  const [metric = ''] = metricsOf(tab)
  const connections: Series[] = [
    { id: 'peak', label: 'Peak', unit: 'connections', values, summed: false },
    { id: 'average', label: 'Average', unit: 'connections', values: averages, dashed: true, summed: false },
  ]
  const messages: Series = { id: tab, label: labelOf(tab), unit: 'messages', values, summed: true }
  return {
    chart: {
      range,
      times: usage.items.map((item) => Date.parse(item.ts)),
      series: tab === 'connections' ? connections : [messages],
    },
    figures:
      tab === 'connections'
        ? [
            { label: 'Peak', value: usage.peak },
            { label: 'Average', value: usage.average },
          ]
        : [
            { label: 'Total', value: usage.totals[metric] ?? 0 },
            { label: `Most in one ${rangeInfo(range).resolution}`, value: Math.max(0, ...values) },
          ],
    rules: metricsOf(tab).flatMap((name) => {
      const rule = usage.rules[name]
      return rule ? [{ title: rule.title, text: rule.rule }] : []
    }),
    completeTo: Date.parse(usage.complete_to),
  }
}

function metricsOf(tab: Tab): readonly string[] {
  return TABS.find((known) => known.value === tab)?.metrics ?? []
}

function labelOf(tab: Tab): string {
  return TABS.find((known) => known.value === tab)?.label ?? ''
}
