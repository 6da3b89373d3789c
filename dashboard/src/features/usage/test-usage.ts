/** Answers usage questions in tests: everything happened in the newest period. */

/** Values by metric; a metric that is not given has none. */
export function stubUsage(latest: Record<string, number>) {
  return (_: unknown, search: URLSearchParams) => {
    const metric = search.get('metric') ?? ''
    const value = latest[metric]
    const to = Date.parse(search.get('to') ?? '')
    const periodMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 }[search.get('resolution') ?? ''] ?? 0
    const ts = periodMs ? new Date(to - periodMs).toISOString() : search.get('from')
    return {
      body: {
        metric,
        title: metric,
        rule: `The rule of ${metric}.`,
        items: value === undefined ? [] : [{ ts, value }],
        complete_to: new Date().toISOString(),
      },
    }
  }
}
