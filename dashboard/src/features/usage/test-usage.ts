/** Answers usage questions in tests: everything happened in the newest period. */
import type { Usage } from '#/api/types'

const PERIODS: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 }
const BILLABLE = ['messages_in', 'messages_out']
const METRICS = [...BILLABLE, 'peak_connections', 'connection_ms']

/** Values by metric, and `average` of the connections; a metric that is not given has none. */
export function stubUsage(latest: Record<string, number>) {
  return (_: unknown, search: URLSearchParams): { body: Usage } => {
    const metric = search.get('metric') ?? ''
    const resolution = search.get('resolution') as Usage['resolution']
    const from = Date.parse(search.get('from') ?? '')
    const to = Date.parse(search.get('to') ?? '')
    const length = PERIODS[resolution] ?? to - from
    const times = Array.from({ length: Math.round((to - from) / length) }, (_, at) => from + at * length)
    const items = times.map((at, index) => {
      const [value, average] = index === times.length - 1 ? [latest[metric] ?? 0, latest.average ?? 0] : [0, 0]
      return { ts: new Date(at).toISOString(), value, ...(metric === 'peak_connections' && { average }) }
    })
    return {
      body: {
        metric,
        resolution,
        from: new Date(from).toISOString(),
        to: new Date(to).toISOString(),
        complete_to: new Date(to).toISOString(),
        items,
        totals: Object.fromEntries(METRICS.map((name) => [name, latest[name] ?? 0])),
        peak: latest.peak_connections ?? 0,
        average: latest.average ?? 0,
        rules: Object.fromEntries(
          METRICS.map((name) => [
            name,
            { title: name, unit: '', rule: `The rule of ${name}.`, billable: BILLABLE.includes(name) },
          ]),
        ),
      },
    }
  }
}
