import { useNavigate, useRouter } from '@tanstack/react-router'
import { ChevronsUpDown, Copy, Plus, SlidersHorizontal } from 'lucide-react'
import type { App, Session } from '#/api/types'
import { announce } from '#/ui/announce'
import { copyText } from '#/ui/clipboard'
import { EnvironmentPill } from '#/ui/environment-pill'
import {
  Menu,
  MenuContent,
  MenuItem,
  MenuLabel,
  MenuRadioGroup,
  MenuRadioItem,
  MenuSeparator,
  MenuTrigger,
} from '#/ui/menu'
import { pathOfOtherApp } from './current-app'

/** The app at hand: switching to another, its id, its settings. */
export function AppMenu({ session, app }: { session: Session; app: App }) {
  const navigate = useNavigate()
  const router = useRouter()

  const copyId = () =>
    copyText(app.id).then(
      () => announce('Copied app id'),
      () => announce(`Could not copy. The app id is ${app.id}`),
    )

  return (
    <Menu modal={false}>
      <MenuTrigger className="flex h-9 w-full items-center gap-2 rounded-md border border-control px-2.5 text-left hover:bg-hover">
        <span className="min-w-0 flex-1 truncate font-medium">{app.name}</span>
        <EnvironmentPill environment={app.environment} />
        <span className="sr-only">app menu</span>
        <ChevronsUpDown size={14} className="shrink-0 text-muted" aria-hidden />
      </MenuTrigger>
      <MenuContent className="max-w-[min(320px,calc(100vw-16px))]">
        {session.apps.length > 1 && (
          <>
            <MenuLabel>Apps</MenuLabel>
            <MenuRadioGroup
              value={app.id}
              onValueChange={(id) => router.history.push(pathOfOtherApp(router.state.location.pathname, app.id, id))}
              className="max-h-[40vh] overflow-y-auto"
            >
              {session.apps.map((other) => (
                <MenuRadioItem key={other.id} value={other.id}>
                  <span className="min-w-0 flex-1 truncate">{other.name}</span>
                  <EnvironmentPill environment={other.environment} />
                </MenuRadioItem>
              ))}
            </MenuRadioGroup>
            <MenuSeparator />
          </>
        )}
        <MenuItem onSelect={() => navigate({ to: '/apps', search: { create: 'app' } })}>
          <Plus size={14} className="w-4 text-muted" aria-hidden />
          Create app
        </MenuItem>
        <MenuItem onSelect={() => navigate({ to: '/apps/$appId/settings', params: { appId: app.id } })}>
          <SlidersHorizontal size={14} className="w-4 text-muted" aria-hidden />
          App settings
        </MenuItem>
        <MenuItem onSelect={copyId}>
          <Copy size={14} className="w-4 text-muted" aria-hidden />
          Copy app id
          <span className="ml-auto pl-4 font-mono text-xs text-muted">{app.id}</span>
        </MenuItem>
      </MenuContent>
    </Menu>
  )
}
