import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute } from '@tanstack/react-router'
import { sessionQuery, sessionsQuery } from '#/api/queries'
import { SettingsPage } from '#/features/settings/settings-page'

export const Route = createFileRoute('/_app/settings')({
  staticData: { page: 'Settings', ofOrg: true },
  loader: ({ context }) => void context.queryClient.prefetchQuery(sessionsQuery),
  component: Settings,
})

function Settings() {
  const { data: session } = useSuspenseQuery(sessionQuery)
  return <SettingsPage session={session} />
}
