import { Link } from '@tanstack/react-router'
import {
  Boxes,
  ChartSpline,
  Gauge,
  KeyRound,
  LayoutDashboard,
  ListOrdered,
  type LucideIcon,
  Radio,
  ScrollText,
  Settings,
  SlidersHorizontal,
} from 'lucide-react'
import { lazy, type ReactNode, Suspense } from 'react'
import type { App, Session } from '#/api/types'
import { cx } from '#/ui/cx'
import { Mark } from '#/ui/mark'
import { appSearch } from './current-app'

// The menus bring a third of the frame's code, and nobody opens one before the page is there.
const AppMenu = lazy(() => import('./app-menu').then((module) => ({ default: module.AppMenu })))
const UserMenu = lazy(() => import('./user-menu').then((module) => ({ default: module.UserMenu })))

export function Sidebar({ session, app }: { session: Session; app: App | undefined }) {
  return (
    <div className="flex h-full flex-col">
      <p className="flex h-11 shrink-0 items-center gap-2 border-b border-line px-3 pr-10 font-semibold md:pr-3">
        <Mark />
        <span className="truncate" title={session.org.name}>
          {session.org.name}
        </span>
      </p>
      <div className="min-h-0 flex-1 overflow-y-auto">
        {app && (
          <>
            <div className="p-2">
              <Suspense
                fallback={<MenuToCome text={app.name} className="h-9 border border-control px-2.5 font-medium" />}
              >
                <AppMenu session={session} app={app} />
              </Suspense>
            </div>
            <AppPages session={session} app={app} />
            <hr className="mx-2 my-2 border-line" />
          </>
        )}
        <OrgPages />
      </div>
      <div className="shrink-0 border-t border-line p-2">
        {session.dev && <p className="px-2 pb-1 text-xs text-muted">Development server</p>}
        <Suspense fallback={<MenuToCome text={session.user.email} className="h-8 px-2" />}>
          <UserMenu email={session.user.email} />
        </Suspense>
      </div>
    </div>
  )
}

/** Holds a menu's place, so that nothing moves when it is there. */
function MenuToCome({ text, className }: { text: string; className: string }) {
  return <p className={cx('flex items-center truncate rounded-md', className)}>{text}</p>
}

function AppPages({ session, app }: { session: Session; app: App }) {
  const params = { appId: app.id }
  return (
    <nav aria-label="App" className="px-2">
      <ul className="space-y-0.5">
        <Item icon={LayoutDashboard} text="Overview">
          {(content) => (
            <Link to="/apps/$appId" params={params} {...LINK} activeOptions={{ exact: true, includeSearch: false }}>
              {content}
            </Link>
          )}
        </Item>
        <Item icon={Radio} text="Welcome">
          {(content) => (
            <Link to="/welcome" search={appSearch(session, app)} {...LINK}>
              {content}
            </Link>
          )}
        </Item>
        <Item icon={KeyRound} text="Keys">
          {(content) => (
            <Link to="/apps/$appId/keys" params={params} {...LINK}>
              {content}
            </Link>
          )}
        </Item>
        <Item icon={ListOrdered} text="Rules">
          {(content) => (
            <Link to="/apps/$appId/rules" params={params} {...LINK}>
              {content}
            </Link>
          )}
        </Item>
        <Item icon={ChartSpline} text="Usage">
          {(content) => (
            <Link to="/apps/$appId/usage" params={params} {...LINK}>
              {content}
            </Link>
          )}
        </Item>
        <Item icon={Gauge} text="Limits">
          {(content) => (
            <Link to="/apps/$appId/limits" params={params} {...LINK}>
              {content}
            </Link>
          )}
        </Item>
        <Item icon={SlidersHorizontal} text="App settings">
          {(content) => (
            <Link to="/apps/$appId/settings" params={params} {...LINK}>
              {content}
            </Link>
          )}
        </Item>
      </ul>
    </nav>
  )
}

function OrgPages() {
  return (
    <nav aria-label="Organisation" className="px-2 pb-2">
      <ul className="space-y-0.5">
        <Item icon={Boxes} text="Apps">
          {(content) => (
            <Link to="/apps" {...LINK} activeOptions={{ exact: true, includeSearch: false }}>
              {content}
            </Link>
          )}
        </Item>
        <Item icon={ScrollText} text="Audit log">
          {(content) => (
            <Link to="/audit" {...LINK}>
              {content}
            </Link>
          )}
        </Item>
        <Item icon={Settings} text="Settings">
          {(content) => (
            <Link to="/settings" {...LINK}>
              {content}
            </Link>
          )}
        </Item>
      </ul>
    </nav>
  )
}

const LINK = {
  activeOptions: { includeSearch: false },
  className: 'flex h-8 items-center gap-2 rounded-md px-2',
  activeProps: { className: 'bg-accent-soft font-medium text-ink' },
  inactiveProps: { className: 'text-muted hover:bg-hover hover:text-ink' },
} as const

interface ItemProps {
  icon: LucideIcon
  text: string
  children: (content: ReactNode) => ReactNode
}

/** Links stay spelled out, so that the router checks them; this adds the icon. */
function Item({ icon: Icon, text, children }: ItemProps) {
  return (
    <li>
      {children(
        <>
          <Icon size={16} aria-hidden />
          {text}
        </>,
      )}
    </li>
  )
}
