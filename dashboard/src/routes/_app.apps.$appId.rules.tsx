import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute } from '@tanstack/react-router'
import { rulesQuery, sessionQuery } from '#/api/queries'
import { requireSession } from '#/features/auth/guards'
import { appOf, useCurrentApp } from '#/features/frame/current-app'
import { RulesPage } from '#/features/rules/rules-page'

export const Route = createFileRoute('/_app/apps/$appId/rules')({
  staticData: { page: 'Rules' },
  loader: async ({ context, params, location }) => {
    const app = appOf(await requireSession(context.queryClient, location.href), params.appId)
    if (app) void context.queryClient.prefetchQuery(rulesQuery(app.id))
  },
  component: Rules,
})

function Rules() {
  const { data: session } = useSuspenseQuery(sessionQuery)
  return <RulesPage app={useCurrentApp(session)} />
}
