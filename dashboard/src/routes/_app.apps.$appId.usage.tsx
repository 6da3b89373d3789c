import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute } from '@tanstack/react-router'
import { sessionQuery } from '#/api/queries'
import { requireSession } from '#/features/auth/guards'
import { appOf, useCurrentApp } from '#/features/frame/current-app'
import { DIMENSIONS } from '#/features/usage/breakdown-data'
import { RANGES } from '#/features/usage/chart-data'
import { UsagePage, type UsageSearch } from '#/features/usage/usage-page'
import { TABS, usageQuery } from '#/features/usage/usage-query'

const DEFAULTS: UsageSearch = { range: 'hour', metric: 'in', view: 'chart', by: 'namespace' }

export const Route = createFileRoute('/_app/apps/$appId/usage')({
  staticData: { page: 'Usage' },
  validateSearch: (search: Record<string, unknown>): Partial<UsageSearch> => ({
    range: RANGES.find((range) => range.value === search.range)?.value,
    metric: TABS.find((tab) => tab.value === search.metric)?.value,
    view: search.view === 'table' ? 'table' : undefined,
    by: DIMENSIONS.find((dimension) => dimension.value === search.by)?.value,
  }),
  loaderDeps: ({ search }) => ({ ...DEFAULTS, ...search }),
  loader: async ({ context, params, deps, location }) => {
    const app = appOf(await requireSession(context.queryClient, location.href), params.appId)
    const { metric = DEFAULTS.metric, range = DEFAULTS.range } = deps
    if (app) void context.queryClient.prefetchQuery(usageQuery(app.id, metric, range))
  },
  component: Usage,
})

function Usage() {
  const { data: session } = useSuspenseQuery(sessionQuery)
  const { range, metric, view, by } = Route.useSearch()
  const navigate = Route.useNavigate()
  const search: UsageSearch = {
    range: range ?? DEFAULTS.range,
    metric: metric ?? DEFAULTS.metric,
    view: view ?? DEFAULTS.view,
    by: by ?? DEFAULTS.by,
  }
  return (
    <UsagePage
      app={useCurrentApp(session)}
      session={session}
      search={search}
      change={(part) => navigate({ search: { ...search, ...part }, replace: true, resetScroll: false })}
    />
  )
}
