import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute } from '@tanstack/react-router'
import { keysQuery, sessionQuery } from '#/api/queries'
import { requireSession } from '#/features/auth/guards'
import { appOf, useCurrentApp } from '#/features/frame/current-app'
import { KeysPage } from '#/features/keys/keys-page'

interface KeysSearch {
  /** The create drawer is open. */
  create?: 'key'
}

export const Route = createFileRoute('/_app/apps/$appId/keys')({
  staticData: { page: 'Keys' },
  validateSearch: (search: Record<string, unknown>): KeysSearch => (search.create === 'key' ? { create: 'key' } : {}),
  loader: async ({ context, params, location }) => {
    const app = appOf(await requireSession(context.queryClient, location.href), params.appId)
    if (app) void context.queryClient.prefetchQuery(keysQuery(app.id))
  },
  component: Keys,
})

function Keys() {
  const { data: session } = useSuspenseQuery(sessionQuery)
  const { create } = Route.useSearch()
  const navigate = Route.useNavigate()
  return (
    <KeysPage
      app={useCurrentApp(session)}
      session={session}
      creating={create === 'key'}
      setCreating={(open) => navigate({ search: open ? { create: 'key' } : {}, replace: !open })}
    />
  )
}
