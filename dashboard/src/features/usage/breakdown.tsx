/** Where a number comes from: by namespace, key, transport or protocol, with the share of each as a bar. */
import { keepPreviousData, queryOptions, useQuery } from '@tanstack/react-query'
import { api, type BreakdownQuestion } from '#/api/client'
import type { App, UsageBreakdown } from '#/api/types'
import { Segments } from '#/ui/choice'
import { formatCount } from '#/ui/format'
import { Panel, Skeleton } from '#/ui/panel'
import { QueryView } from '#/ui/query-view'
import { DIMENSIONS, type Dimension, type Part, partsOf } from './breakdown-data'
import { boundsOf, type Range, rangeInfo } from './chart-data'
import { CsvButton } from './csv-button'
import { TABS, type Tab } from './usage-query'

/** A minute is in a breakdown once it is over. */
const REFRESH_MS = 30_000

export function breakdownQuestion(tab: Tab, by: Dimension, range: Range, now: number): BreakdownQuestion {
  const { from, to } = boundsOf(range, now)
  const metric = TABS.find((known) => known.value === tab)?.brokenDown ?? ''
  return { by, metric, from: new Date(from).toISOString(), to: new Date(to).toISOString() }
}

export const breakdownQuery = (app: string, tab: Tab, by: Dimension, range: Range) =>
  queryOptions({
    queryKey: ['apps', app, 'breakdown', tab, by, range],
    queryFn: () => api.breakdown(app, breakdownQuestion(tab, by, range, Date.now())),
    refetchInterval: REFRESH_MS,
    staleTime: REFRESH_MS / 2,
  })

interface BreakdownProps {
  app: App
  tab: Tab
  range: Range
  by: Dimension
  change: (by: Dimension) => void
}

export function Breakdown({ app, tab, range, by, change }: BreakdownProps) {
  const breakdown = useQuery({ ...breakdownQuery(app.id, tab, by, range), placeholderData: keepPreviousData })
  const what = tab === 'connections' ? 'Connections opened' : TABS.find((known) => known.value === tab)?.label
  const title = `${what} by ${by}`
  return (
    <div className="mt-4">
      <Panel
        title={title}
        lead={`Where they come from, ${rangeInfo(range).words}. A minute counts here once it is over.`}
        aside={
          <span className="flex max-w-full flex-wrap items-center gap-2">
            <Segments label="Break down by" value={by} options={DIMENSIONS} onChange={change} />
            <CsvButton
              label={`Download CSV by ${by}`}
              name={`usage-${app.id}-${tab}-by-${by}-${range}.csv`}
              load={() => api.breakdownCsv(app.id, breakdownQuestion(tab, by, range, Date.now()))}
            />
          </span>
        }
      >
        <div className="px-4 py-3">
          <QueryView query={breakdown} skeleton={<Skeleton lines={2} />}>
            {(data) => <Parts data={data} caption={title} />}
          </QueryView>
        </div>
      </Panel>
    </div>
  )
}

function Parts({ data, caption }: { data: UsageBreakdown; caption: string }) {
  const parts = partsOf(data)
  if (parts.length === 0) return <p className="text-muted">Nothing to break down yet.</p>
  return (
    <table className="w-full text-left text-xs">
      <caption className="sr-only">{caption}</caption>
      <thead className="text-muted">
        <tr>
          <th scope="col" className="py-1 pr-3 font-normal">
            {DIMENSIONS.find((known) => known.value === data.by)?.label}
          </th>
          <th scope="col" className="py-1 pr-3 text-right font-normal">
            Count
          </th>
          <th scope="col" className="w-[40%] py-1 font-normal">
            Share
          </th>
        </tr>
      </thead>
      <tbody>
        {parts.map((part) => (
          <PartRow key={part.key} part={part} />
        ))}
      </tbody>
    </table>
  )
}

function PartRow({ part }: { part: Part }) {
  return (
    <tr className="border-t border-line" data-part={part.key}>
      <th scope="row" className="max-w-0 truncate py-1.5 pr-3 font-normal" title={part.detail}>
        <span className={part.named ? 'font-mono' : 'text-muted'}>{part.label}</span>
      </th>
      <td className="py-1.5 pr-3 text-right tabular-nums">{formatCount(part.value)}</td>
      <td className="py-1.5">
        <span className="flex items-center gap-2">
          <span aria-hidden="true" className="h-1.5 min-w-0 flex-1 overflow-hidden rounded-full bg-sunken">
            <span className="block h-full rounded-full bg-accent" style={{ width: `${part.share * 100}%` }} />
          </span>
          <span className="w-12 text-right tabular-nums">{part.percent}</span>
        </span>
      </td>
    </tr>
  )
}
