/** The chart's numbers as rows, newest first. */
import { formatRate } from '#/ui/format'
import { type ChartData, periodLabel, rangeInfo } from './chart-data'

export function UsageTable({ data, caption }: { data: ChartData; caption: string }) {
  const { resolution } = rangeInfo(data.range)
  const head = resolution === 'day' ? 'Day (UTC)' : resolution === 'hour' ? 'Hour from' : 'Minute'
  return (
    <section
      aria-label={caption}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
      tabIndex={0}
      className="max-h-[320px] overflow-y-auto rounded-md border border-line focus-visible:-outline-offset-2"
    >
      <table className="w-full text-left text-xs">
        <caption className="sr-only">{caption}</caption>
        <thead className="sticky top-0 bg-surface text-muted">
          <tr>
            <th scope="col" className="border-b border-line px-3 py-1.5 font-normal">
              {head}
            </th>
            {data.series.map((series) => (
              <th key={series.id} scope="col" className="border-b border-line px-3 py-1.5 text-right font-normal">
                {series.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {data.times.toReversed().map((time, at) => (
            <tr key={time} className="border-t border-line first:border-t-0">
              <th scope="row" className="px-3 py-1 font-normal tabular-nums">
                <time dateTime={new Date(time).toISOString()}>{periodLabel(time, data.range)}</time>
              </th>
              {data.series.map((series) => (
                <td key={series.id} className="px-3 py-1 text-right">
                  {formatRate(series.values.at(-1 - at) ?? 0)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
