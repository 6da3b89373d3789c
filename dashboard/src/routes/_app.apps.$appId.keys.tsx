import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute } from '@tanstack/react-router'
import { keysQuery, sessionQuery } from '#/api/queries'
import { requireSession } from '#/features/auth/guards'
import { appOf, useCurrentApp } from '#/features/frame/current-app'
import { KeysPage } from '#/features/keys/keys-page'

export const Route = createFileRoute('/_app/apps/$appId/keys')({
  staticData: { page: 'Keys' },
  loader: async ({ context, params, location }) => {
    const app = appOf(await requireSession(context.queryClient, location.href), params.appId)
    if (app) void context.queryClient.prefetchQuery(keysQuery(app.id))
  },
  component: Keys,
})

function Keys() {
  const { data: session } = useSuspenseQuery(sessionQuery)
  return <KeysPage app={useCurrentApp(session)} session={session} />
}
