/** Apps are read with the session; a changed, new or deleted one is put there, so that every page shows it at once. */
import type { QueryClient } from '@tanstack/react-query'
import { sessionQuery } from '#/api/queries'
import type { App, Session } from '#/api/types'

export function showApp(queryClient: QueryClient, app: App): void {
  change(queryClient, (apps) =>
    apps.some((known) => known.id === app.id)
      ? apps.map((known) => (known.id === app.id ? app : known))
      : [...apps, app],
  )
}

export function dropApp(queryClient: QueryClient, id: string): void {
  change(queryClient, (apps) => apps.filter((app) => app.id !== id))
  queryClient.removeQueries({ queryKey: ['apps', id] })
}

function change(queryClient: QueryClient, apps: (apps: Session['apps']) => Session['apps']): void {
  queryClient.setQueryData<Session>(
    sessionQuery.queryKey,
    (session) => session && { ...session, apps: apps(session.apps) },
  )
  void queryClient.invalidateQueries(sessionQuery)
}
