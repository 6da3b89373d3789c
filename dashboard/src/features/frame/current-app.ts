/**
 * Which app the address means: `/apps/{id}/…` or `?app={id}`. An address that names none means the app that was looked at last,
 * else the first.
 */
import { notFound, useParams, useSearch } from '@tanstack/react-router'
import type { App, Session } from '#/api/types'

export interface AppSearch {
  app?: string
}

const KEY = 'peal.app'

export function appOf(session: Session, id: string | undefined): App | undefined {
  const find = (id: string | null | undefined) => session.apps.find((app) => app.id === id)
  return id === undefined ? (find(lastAppId()) ?? session.apps[0]) : find(id)
}

/** The search part of a link to this app; an only app needs none. */
export function appSearch(session: Session, app: App): AppSearch {
  return session.apps.length > 1 ? { app: app.id } : {}
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

export function rememberApp(id: string): void {
  try {
    localStorage.setItem(KEY, id)
  } catch {
    // Without storage, addresses that name no app mean the first one.
  }
}

function lastAppId(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}

/** The same page of another app. */
export function pathOfOtherApp(path: string, from: string, to: string): string {
  return path.startsWith(`/apps/${from}`) ? path.replace(`/apps/${from}`, `/apps/${to}`) : `/apps/${to}`
}
