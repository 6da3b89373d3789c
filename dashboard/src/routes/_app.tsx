import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute, Outlet, useMatches } from '@tanstack/react-router'
import { sessionQuery } from '#/api/queries'
import { requireSession } from '#/features/auth/guards'
import { AppFrame } from '#/features/frame/app-frame'
import { appOf, useAppId } from '#/features/frame/current-app'
import { NotFoundPage } from '#/features/problem/not-found-page'

/** Everything for signed-in people. The frame, and with it the live connection, stays while pages change. */
export const Route = createFileRoute('/_app')({
  beforeLoad: ({ context, location }) => requireSession(context.queryClient, location.href),
  component: AppLayout,
})

function AppLayout() {
  const { data: session } = useSuspenseQuery(sessionQuery)
  const id = useAppId()
  const app = appOf(session, id)
  const { page, ofOrg } = useMatches({ select: (matches) => matches.at(-1)?.staticData ?? {} })
  if (id !== undefined && !app) return <NotFoundPage />
  return (
    <AppFrame session={session} app={app} page={page ?? ''} ofOrg={ofOrg ?? false}>
      <Outlet />
    </AppFrame>
  )
}
