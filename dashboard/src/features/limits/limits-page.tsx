import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { limitsQuery } from '#/api/queries'
import type { App, Limit, Limits } from '#/api/types'
import { QuotaPanel } from '#/features/quota/quota-panel'
import { Button } from '#/ui/button'
import { PageHeader } from '#/ui/page-header'
import { Skeleton } from '#/ui/panel'
import { QueryView } from '#/ui/query-view'
import { ChangeLimit } from './change-limit'
import { formatLimit } from './limit-words'

export function LimitsPage({ app }: { app: App }) {
  const limits = useQuery(limitsQuery(app.id))
  const [changing, setChanging] = useState<Limit | null>(null)
  return (
    <>
      <PageHeader
        title="Limits"
        lead="What this app may do at most, and what happens then. A refusal always names its limit, and what is refused is never counted."
      />
      <QuotaPanel />
      <QueryView query={limits} skeleton={<Skeleton lines={6} />}>
        {(data) => <LimitsTable limits={data} change={setChanging} />}
      </QueryView>
      {changing && <ChangeLimit app={app} limit={changing} close={() => setChanging(null)} />}
    </>
  )
}

type Change = (limit: Limit) => void

function LimitsTable({ limits, change }: { limits: Limits; change: Change }) {
  return (
    <>
      <p className="mb-3 text-muted">
        Plan <strong className="text-ink">{limits.plan.title}</strong>. Set lower limits here to protect this app from
        itself; a rule may lower some of them for its channels.
      </p>
      <table className="w-full rounded-lg border border-line bg-surface text-left max-md:block md:border-separate md:border-spacing-0">
        <thead className="text-xs text-muted max-md:sr-only">
          <tr>
            {['Limit', 'Value', 'When it is reached', 'Error'].map((head) => (
              <th key={head} scope="col" className="border-b border-line px-4 py-2 font-normal">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="max-md:block">
          {limits.items.map((limit) => (
            <LimitRow key={limit.name} limit={limit} change={change} />
          ))}
        </tbody>
      </table>
    </>
  )
}

function LimitRow({ limit, change }: { limit: Limit; change: Change }) {
  return (
    <tr
      data-limit={limit.name}
      className="align-top max-md:block max-md:border-t max-md:border-line max-md:px-4 max-md:py-3 max-md:first:border-t-0 md:[&:not(:first-child)>*]:border-t md:[&>*]:border-line"
    >
      <th scope="row" className="font-medium max-md:block md:w-[30%] md:px-4 md:py-2.5">
        {limit.title}
      </th>
      <td className="whitespace-nowrap max-md:block md:px-4 md:py-2.5">
        <span className="inline-flex items-center gap-1">
          {formatLimit(limit.value, limit.unit)}
          <Button look="ghost" size="sm" onClick={() => change(limit)} aria-label={`Change ${limit.title}`}>
            Change
          </Button>
        </span>
        {limit.tightened && (
          <span className="block text-xs text-muted">
            set for this app; the plan has {formatLimit(limit.plan_value, limit.unit)}
          </span>
        )}
      </td>
      <td className="text-muted max-md:mt-1 max-md:block md:px-4 md:py-2.5">{limit.when_reached}</td>
      <td className="max-md:block md:px-4 md:py-2.5">
        {limit.error && (
          <a
            href={limit.help_url}
            target="_blank"
            rel="noreferrer"
            className="font-mono text-xs text-accent underline underline-offset-2"
          >
            {limit.error}
          </a>
        )}
      </td>
    </tr>
  )
}
