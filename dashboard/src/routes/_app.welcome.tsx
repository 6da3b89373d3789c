import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute, redirect } from '@tanstack/react-router'
import { keysQuery, sessionQuery } from '#/api/queries'
import { requireSession } from '#/features/auth/guards'
import { type AppSearch, appOf, useCurrentApp } from '#/features/frame/current-app'
import { WelcomePage } from '#/features/welcome/welcome-page'

export const Route = createFileRoute('/_app/welcome')({
  staticData: { page: 'Welcome' },
  validateSearch: (search: Record<string, unknown>): AppSearch =>
    typeof search.app === 'string' ? { app: search.app } : {},
  loaderDeps: ({ search }) => ({ app: search.app }),
  loader: async ({ context, deps, location }) => {
    const app = appOf(await requireSession(context.queryClient, location.href), deps.app)
    if (!app && deps.app === undefined) throw redirect({ to: '/apps', replace: true })
    if (app) void context.queryClient.prefetchQuery(keysQuery(app.id))
  },
  component: Welcome,
})

function Welcome() {
  const { data: session } = useSuspenseQuery(sessionQuery)
  const app = useCurrentApp(session)
  return <WelcomePage key={app.id} app={app} session={session} />
}
