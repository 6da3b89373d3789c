import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute } from '@tanstack/react-router'
import { limitsQuery, sessionQuery } from '#/api/queries'
import { requireSession } from '#/features/auth/guards'
import { appOf, useCurrentApp } from '#/features/frame/current-app'
import { LimitsPage } from '#/features/limits/limits-page'

export const Route = createFileRoute('/_app/apps/$appId/limits')({
  staticData: { page: 'Limits' },
  loader: async ({ context, params, location }) => {
    const app = appOf(await requireSession(context.queryClient, location.href), params.appId)
    if (app) void context.queryClient.prefetchQuery(limitsQuery(app.id))
  },
  component: Limits,
})

function Limits() {
  const { data: session } = useSuspenseQuery(sessionQuery)
  return <LimitsPage app={useCurrentApp(session)} />
}
