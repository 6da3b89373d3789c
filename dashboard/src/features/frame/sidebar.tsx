import { Link } from '@tanstack/react-router'
import { KeyRound, type LucideIcon, Radio } from 'lucide-react'
import type { ReactNode } from 'react'
import type { App, Session } from '#/api/types'
import { Mark } from '#/ui/mark'
import { AppMenu } from './app-menu'
import { appSearch } from './current-app'
import { UserMenu } from './user-menu'

export function Sidebar({ session, app }: { session: Session; app: App }) {
  return (
    <div className="flex h-full flex-col">
      <p className="flex h-11 items-center gap-2 border-b border-line px-3 pr-10 font-semibold md:pr-3">
        <Mark />
        <span className="truncate" title={session.org.name}>
          {session.org.name}
        </span>
      </p>
      <div className="p-2">
        <AppMenu session={session} app={app} />
      </div>
      <nav aria-label="App" className="flex-1 overflow-y-auto px-2">
        <ul className="space-y-0.5">
          <Item icon={Radio}>
            {(content) => (
              <Link to="/welcome" search={appSearch(session, app)} {...LINK}>
                {content('Welcome')}
              </Link>
            )}
          </Item>
          <Item icon={KeyRound}>
            {(content) => (
              <Link to="/apps/$appId/keys" params={{ appId: app.id }} {...LINK}>
                {content('Keys')}
              </Link>
            )}
          </Item>
        </ul>
      </nav>
      <div className="border-t border-line p-2">
        <UserMenu email={session.user.email} />
      </div>
    </div>
  )
}

const LINK = {
  activeOptions: { includeSearch: false },
  className: 'flex h-8 items-center gap-2 rounded-md px-2',
  activeProps: { className: 'bg-accent-soft font-medium text-ink' },
  inactiveProps: { className: 'text-muted hover:bg-hover hover:text-ink' },
} as const

/** Links stay spelled out, so that the router checks them; this adds the icon. */
function Item({
  icon: Icon,
  children,
}: {
  icon: LucideIcon
  children: (content: (text: string) => ReactNode) => ReactNode
}) {
  return (
    <li>
      {children((text) => (
        <>
          <Icon size={16} aria-hidden />
          {text}
        </>
      ))}
    </li>
  )
}
