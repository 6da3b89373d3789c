import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute } from '@tanstack/react-router'
import { sessionQuery } from '#/api/queries'
import { AppSettingsPage } from '#/features/apps/app-settings-page'
import { useCurrentApp } from '#/features/frame/current-app'

export const Route = createFileRoute('/_app/apps/$appId/settings')({
  staticData: { page: 'App settings' },
  component: AppSettings,
})

function AppSettings() {
  const { data: session } = useSuspenseQuery(sessionQuery)
  return <AppSettingsPage app={useCurrentApp(session)} session={session} />
}
