import { useRouter } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import type { App, Session } from '#/api/types'
import { appSearch, pathOfOtherApp } from './current-app'
import { shortcutsOn } from './shortcut-setting'
import { isForPage, NOTHING_PENDING, type Place, press } from './shortcuts'

interface ShortcutTargets {
  session: Session
  app: App | undefined
  /** The palette or the sheet is open, or about to be. */
  busy: boolean
  openPalette: () => void
  openSheet: () => void
}

/** Ctrl or Cmd with K always opens the palette; single keys only where they are not switched off. */
export function useShortcuts(targets: ShortcutTargets): void {
  const router = useRouter()
  const latest = useRef(targets)
  latest.current = targets

  useEffect(() => {
    let pending = NOTHING_PENDING
    const listen = (event: KeyboardEvent) => {
      const { session, app, busy, openPalette, openSheet } = latest.current
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        return openPalette()
      }
      if (busy || !shortcutsOn() || !isForPage(event)) return
      const pressed = press(pending, event.key, event.timeStamp)
      pending = pressed.pending
      const { action } = pressed
      if (!action) return
      event.preventDefault()
      if ('show' in action) return openSheet()
      if ('go' in action) return go(action.go, session, app)
      const at = session.apps.findIndex((other) => other.id === app?.id)
      const next = session.apps[(at + action.switchApp + session.apps.length) % session.apps.length]
      if (app && next) router.history.push(pathOfOtherApp(router.state.location.pathname, app.id, next.id))
    }
    const go = (place: Place, session: Session, app: App | undefined) => {
      if (place === 'apps') return router.navigate({ to: '/apps' })
      if (place === 'settings') return router.navigate({ to: '/settings' })
      if (!app) return
      if (place === 'welcome') return router.navigate({ to: '/welcome', search: appSearch(session, app) })
      return router.navigate({ to: PAGES[place], params: { appId: app.id } })
    }
    window.addEventListener('keydown', listen)
    return () => window.removeEventListener('keydown', listen)
  }, [router])
}

const PAGES = {
  overview: '/apps/$appId',
  keys: '/apps/$appId/keys',
  rules: '/apps/$appId/rules',
  usage: '/apps/$appId/usage',
  limits: '/apps/$appId/limits',
} as const
