import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { ChartSpline, Table2 } from 'lucide-react'
import { Tabs } from 'radix-ui'
import { api } from '#/api/client'
import type { App, Session } from '#/api/types'
import { appSearch } from '#/features/frame/current-app'
import { buttonClass } from '#/ui/button'
import { Segments } from '#/ui/choice'
import { formatRate } from '#/ui/format'
import { PageHeader } from '#/ui/page-header'
import { QueryView } from '#/ui/query-view'
import { tabClass } from '#/ui/tab-class'
import { clockSeconds } from '#/ui/time'
import { Breakdown } from './breakdown'
import type { Dimension } from './breakdown-data'
import { Chart } from './chart'
import { isEmpty, RANGES, type Range, rangeInfo } from './chart-data'
import { CountingRules } from './counting-rules'
import { CsvButton } from './csv-button'
import { Notes } from './notes'
import { TABS, type Tab, type UsageView, usageQuery, usageQuestion } from './usage-query'
import { UsageTable } from './usage-table'

export interface UsageSearch {
  range: Range
  metric: Tab
  view: 'chart' | 'table'
  by: Dimension
}

interface UsagePageProps {
  app: App
  session: Session
  search: UsageSearch
  change: (part: Partial<UsageSearch>) => void
}

export function UsagePage({ app, session, search, change }: UsagePageProps) {
  const usage = useQuery({ ...usageQuery(app.id, search.metric, search.range), placeholderData: keepPreviousData })
  const tab = TABS.find((known) => known.value === search.metric) ?? TABS[0]
  return (
    <>
      <PageHeader
        title="Usage"
        lead="What your app sent, received and held open. The same numbers make limits and bills."
        aside={<Segments label="Range" value={search.range} options={RANGES} onChange={(range) => change({ range })} />}
      />
      <Tabs.Root value={search.metric} onValueChange={(metric) => change({ metric: metric as Tab })}>
        <div className="rounded-lg border border-line bg-surface">
          <div className="flex flex-wrap items-center justify-between gap-x-2 border-b border-line pr-2 pl-1">
            <Tabs.List aria-label="Metric" className="flex min-w-0 overflow-x-auto">
              {TABS.map(({ value, label }) => (
                <Tabs.Trigger key={value} value={value} className={tabClass}>
                  {label}
                </Tabs.Trigger>
              ))}
            </Tabs.List>
            <span className="flex items-center gap-1 py-1 max-sm:pl-1">
              <button
                type="button"
                aria-pressed={search.view === 'table'}
                onClick={() => change({ view: search.view === 'table' ? 'chart' : 'table' })}
                className={buttonClass('secondary', 'sm')}
              >
                {search.view === 'table' ? <ChartSpline size={14} aria-hidden /> : <Table2 size={14} aria-hidden />}
                {search.view === 'table' ? 'View as chart' : 'View as table'}
              </button>
              <CsvButton
                label="Download CSV"
                name={`usage-${app.id}-${search.metric}-${search.range}.csv`}
                load={() => api.usageCsv(app.id, usageQuestion(search.metric, search.range, Date.now()))}
              />
            </span>
          </div>
          <Tabs.Content value={search.metric} tabIndex={-1} className="p-3 focus:outline-none sm:p-4">
            <QueryView
              query={usage}
              skeleton={<div aria-hidden="true" className="h-80 animate-appear rounded-md bg-hover" />}
            >
              {(view) => <View view={view} label={tab?.label ?? ''} asTable={search.view === 'table'} />}
            </QueryView>
          </Tabs.Content>
        </div>
      </Tabs.Root>
      {usage.data && isEmpty(usage.data.chart) && (
        <p className="mt-3 text-muted">
          Nothing was counted {rangeInfo(usage.data.chart.range).words}. What the dashboard itself sends is free and not
          shown here.{' '}
          <Link to="/welcome" search={appSearch(session, app)} className="text-accent underline underline-offset-2">
            Send a message from your own code
          </Link>
        </p>
      )}
      <Breakdown app={app} tab={search.metric} range={search.range} by={search.by} change={(by) => change({ by })} />
      <Notes app={app} />
      {usage.data && <CountingRules rules={usage.data.rules} />}
    </>
  )
}

function View({ view, label, asTable }: { view: UsageView; label: string; asTable: boolean }) {
  const caption = `${label} ${rangeInfo(view.chart.range).words}`
  return (
    <>
      <div className="mb-3 flex flex-wrap items-end justify-between gap-x-8 gap-y-2">
        <dl className="flex flex-wrap gap-x-8 gap-y-2">
          {view.figures.map((figure) => (
            <div key={figure.label} data-figure={figure.label}>
              <dt className="text-xs text-muted">{figure.label}</dt>
              <dd className="text-xl font-semibold tracking-tight">{formatRate(figure.value)}</dd>
            </div>
          ))}
        </dl>
        <p className="text-xs text-muted">
          complete to <time dateTime={new Date(view.completeTo).toISOString()}>{clockSeconds(view.completeTo)}</time>
        </p>
      </div>
      {asTable ? <UsageTable data={view.chart} caption={caption} /> : <Chart data={view.chart} label={caption} />}
    </>
  )
}
