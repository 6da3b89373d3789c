import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute } from '@tanstack/react-router'
import { keysQuery, sessionQuery } from '#/api/queries'
import { useCurrentApp } from '#/features/frame/current-app'
import { KeysPage } from '#/features/keys/keys-page'

export const Route = createFileRoute('/_app/apps/$appId/keys')({
  staticData: { page: 'Keys' },
  loader: ({ context, params }) => {
    void context.queryClient.prefetchQuery(keysQuery(params.appId))
  },
  component: Keys,
})

function Keys() {
  const { data: session } = useSuspenseQuery(sessionQuery)
  return <KeysPage app={useCurrentApp(session)} session={session} />
}
