import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute } from '@tanstack/react-router'
import { sessionQuery } from '#/api/queries'
import { useCurrentApp } from '#/features/frame/current-app'
import { OverviewPage } from '#/features/overview/overview-page'

export const Route = createFileRoute('/_app/apps/$appId/')({
  staticData: { page: 'Overview' },
  component: Overview,
})

function Overview() {
  const { data: session } = useSuspenseQuery(sessionQuery)
  const app = useCurrentApp(session)
  return <OverviewPage key={app.id} app={app} session={session} />
}
