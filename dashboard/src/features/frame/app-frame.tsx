/** What surrounds every page of a signed-in person: sidebar, top bar, and the app's live connection. */
import { useLocation } from '@tanstack/react-router'
import { Menu, X } from 'lucide-react'
import { Dialog } from 'radix-ui'
import { type ReactNode, useEffect, useState } from 'react'
import type { App, Session } from '#/api/types'
import { ConsoleProvider } from '#/realtime/console'
import { LinkStatus } from '#/realtime/link-status'
import { buttonClass } from '#/ui/button'
import { cx } from '#/ui/cx'
import { EnvironmentPill } from '#/ui/environment-pill'
import { Sidebar } from './sidebar'

interface AppFrameProps {
  session: Session
  app: App
  page: string
  children: ReactNode
}

export function AppFrame({ session, app, page, children }: AppFrameProps) {
  return (
    <ConsoleProvider key={app.id} app={app.id} edgeUrl={session.edge_url}>
      <a
        href="#main"
        className="sr-only z-20 rounded-md bg-accent px-3 py-2 text-on-accent focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to content
      </a>
      <div
        aria-hidden="true"
        className={cx('fixed inset-x-0 top-0 z-10 h-0.5', app.environment === 'production' ? 'bg-accent' : 'bg-warn')}
      />
      <div className="flex flex-1 pt-0.5">
        <aside className="sticky top-0.5 hidden h-[calc(100dvh-2px)] w-56 shrink-0 border-r border-line bg-surface md:block">
          <Sidebar session={session} app={app} />
        </aside>
        <div className="flex min-w-0 flex-1 flex-col">
          <header className="sticky top-0.5 z-[5] flex h-11 items-center gap-2 border-b border-line bg-canvas px-3 md:px-6">
            <SidebarSheet session={session} app={app} />
            <nav aria-label="Breadcrumb" className="min-w-0 flex-1">
              <ol className="flex items-center gap-1.5">
                <li className="flex min-w-0 items-center gap-1.5 text-muted">
                  <span className="truncate">{app.name}</span>
                  <EnvironmentPill environment={app.environment} />
                </li>
                <li aria-hidden="true" className="text-faint">
                  /
                </li>
                <li aria-current="page" className="font-medium">
                  {page}
                </li>
              </ol>
            </nav>
            <LinkStatus />
          </header>
          <main id="main" tabIndex={-1} className="w-full max-w-[1280px] flex-1 px-3 py-5 focus:outline-none md:px-6">
            {children}
          </main>
        </div>
      </div>
    </ConsoleProvider>
  )
}

/** Below 768 px the sidebar is a sheet. It closes when the page changes. */
function SidebarSheet({ session, app }: { session: Session; app: App }) {
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
