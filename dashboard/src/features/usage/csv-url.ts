import { boundsOf, type Range, rangeInfo } from './chart-data'
import type { Tab } from './usage-query'

const METRICS: Record<Tab, string> = { in: 'messages_in', out: 'messages_out', connections: 'connections' }

/** The same question as the page asks, answered as CSV. */
export function csvUrl(app: string, tab: Tab, range: Range, now: number): string {
  const { from, to } = boundsOf(range, now)
  const question = new URLSearchParams({
    metric: METRICS[tab],
    resolution: rangeInfo(range).resolution,
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    format: 'csv',
  })
  return `/api/v1/apps/${app}/usage?${question}`
}
