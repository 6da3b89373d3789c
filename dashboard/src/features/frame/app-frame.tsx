/** What surrounds every page of a signed-in person: sidebar, top bar, banner, palette, and the app's live connection. */
import { useLocation } from '@tanstack/react-router'
import { Menu, Search, X } from 'lucide-react'
import { Dialog } from 'radix-ui'
import { lazy, type ReactNode, Suspense, useCallback, useEffect, useState } from 'react'
import type { App, Session } from '#/api/types'
import { QuotaPill } from '#/features/quota/quota-pill'
import { ConsoleProvider } from '#/realtime/console'
import { LinkStatus } from '#/realtime/link-status'
import { buttonClass } from '#/ui/button'
import { cx } from '#/ui/cx'
import { EnvironmentPill } from '#/ui/environment-pill'
import { Banner } from './banner'
import { rememberApp } from './current-app'
import { Sidebar } from './sidebar'
import { useShortcuts } from './use-shortcuts'

const loadPalette = () => import('./command-palette')
const CommandPalette = lazy(loadPalette)
const ShortcutSheet = lazy(() => import('./shortcut-sheet').then((module) => ({ default: module.ShortcutSheet })))

interface AppFrameProps {
  session: Session
  /** Undefined while the organisation has no app. */
  app: App | undefined
  page: string
  /** The page is about the organisation, not about the app. */
  ofOrg: boolean
  children: ReactNode
}

export function AppFrame({ session, app, page, ofOrg, children }: AppFrameProps) {
  const [open, setOpen] = useState<'palette' | 'shortcuts' | null>(null)
  const openPalette = useCallback(() => setOpen('palette'), [])
  const openSheet = useCallback(() => setOpen('shortcuts'), [])
  const id = app?.id
  useShortcuts({ session, app, busy: open !== null, openPalette, openSheet })
  useEffect(() => {
    // People type at once after opening it, so its code is there before.
    const timer = setTimeout(() => void loadPalette().catch(() => {}), 1_000)
    return () => clearTimeout(timer)
  }, [])
  useEffect(() => {
    if (id) rememberApp(id)
  }, [id])

  return (
    <Connected app={app} edgeUrl={session.edge_url}>
      <a
        href="#main"
        className="sr-only z-20 rounded-md bg-accent px-3 py-2 text-on-accent focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to content
      </a>
      {app && (
        <div
          aria-hidden="true"
          className={cx('fixed inset-x-0 top-0 z-10 h-0.5', app.environment === 'production' ? 'bg-accent' : 'bg-warn')}
        />
      )}
      <div className="flex flex-1 pt-0.5">
        <aside className="sticky top-0.5 hidden h-[calc(100dvh-2px)] w-56 shrink-0 border-r border-line bg-surface md:block">
          <Sidebar session={session} app={app} />
        </aside>
        <div className="flex min-w-0 flex-1 flex-col">
          <header className="sticky top-0.5 z-[5] flex h-11 items-center gap-2 border-b border-line bg-canvas px-3 md:px-6">
            <SidebarSheet session={session} app={app} />
            <Breadcrumb session={session} app={ofOrg ? undefined : app} page={page} />
            <PaletteButton open={openPalette} />
            {app && <QuotaPill app={app} />}
            {app && <LinkStatus />}
          </header>
          <Banner app={app} />
          <main id="main" tabIndex={-1} className="w-full max-w-[1280px] flex-1 px-3 py-5 focus:outline-none md:px-6">
            {children}
          </main>
        </div>
      </div>
      <Suspense>
        {open === 'palette' && (
          <CommandPalette session={session} app={app} close={() => setOpen(null)} showShortcuts={openSheet} />
        )}
        {open === 'shortcuts' && <ShortcutSheet open onOpenChange={() => setOpen(null)} />}
      </Suspense>
    </Connected>
  )
}

function Connected({ app, edgeUrl, children }: { app: App | undefined; edgeUrl: string; children: ReactNode }) {
  if (!app) return children
  return (
    <ConsoleProvider app={app.id} edgeUrl={edgeUrl}>
      {children}
    </ConsoleProvider>
  )
}

function Breadcrumb({ session, app, page }: { session: Session; app: App | undefined; page: string }) {
  return (
    <nav aria-label="Breadcrumb" className="min-w-0 flex-1">
      <ol className="flex items-center gap-1.5">
        <li className="flex min-w-0 items-center gap-1.5 text-muted">
          <span className="truncate">{app ? app.name : session.org.name}</span>
          {app && <EnvironmentPill environment={app.environment} />}
        </li>
        <li aria-hidden="true" className="text-faint">
          /
        </li>
        <li aria-current="page" className="font-medium whitespace-nowrap">
          {page}
        </li>
      </ol>
    </nav>
  )
}

function PaletteButton({ open }: { open: () => void }) {
  return (
    <button
      type="button"
      onClick={open}
      aria-keyshortcuts="Control+K Meta+K"
      className="flex h-7 items-center gap-2 rounded-md px-1.5 text-xs text-muted hover:bg-hover hover:text-ink sm:border sm:border-control sm:px-2"
    >
      <Search size={14} aria-hidden />
      <span className="max-sm:sr-only">Search</span>
      <span className="sr-only">and commands</span>
      <span aria-hidden="true" className="text-[11px] max-sm:hidden">
        {/Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘K' : 'Ctrl K'}
      </span>
    </button>
  )
}

/** Below 768 px the sidebar is a sheet. It closes when the page changes. */
function SidebarSheet({ session, app }: { session: Session; app: App | undefined }) {
  const [open, setOpen] = useState(false)
  const path = useLocation({ select: (location) => location.pathname })
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new path is what closes it.
  useEffect(() => setOpen(false), [path])

  return (
    <Dialog.Root open={open} onOpenChange={setOpen}>
      <Dialog.Trigger className={cx(buttonClass('ghost', 'icon'), 'md:hidden')} aria-label="Open navigation">
        <Menu size={18} aria-hidden />
      </Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-20 animate-appear bg-scrim" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed inset-y-0 left-0 z-20 w-64 max-w-[85vw] animate-slide-in border-r border-line bg-surface focus:outline-none"
        >
          <Dialog.Title className="sr-only">Navigation</Dialog.Title>
          <Dialog.Close
            className={cx(buttonClass('ghost', 'icon'), 'absolute top-2.5 right-2')}
            aria-label="Close navigation"
          >
            <X size={18} aria-hidden />
          </Dialog.Close>
          <Sidebar session={session} app={app} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
