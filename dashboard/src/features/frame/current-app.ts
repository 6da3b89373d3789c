/** Which app the address means: `/apps/{id}/…` or `?app={id}`, and the first one when it names none. */
import { notFound, useParams, useSearch } from '@tanstack/react-router'
import type { App, Session } from '#/api/types'

export interface AppSearch {
  app?: string
}

export function appOf(session: Session, id: string | undefined): App | undefined {
  return id === undefined ? session.apps[0] : session.apps.find((app) => app.id === id)
}

/** The search part of a link to this app; the first app needs none. */
export function appSearch(session: Session, app: App): AppSearch {
  return app.id === session.apps[0]?.id ? {} : { app: app.id }
}

export function useAppId(): string | undefined {
  const { appId } = useParams({ strict: false })
  const search: AppSearch = useSearch({ strict: false })
  return appId ?? search.app
}

/** For pages inside the frame, which is only there when the app exists. */
export function useCurrentApp(session: Session): App {
  const app = appOf(session, useAppId())
  if (!app) throw notFound()
  return app
}
