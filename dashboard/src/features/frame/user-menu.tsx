import { useNavigate } from '@tanstack/react-router'
import { ChevronsUpDown, CircleUserRound, LogOut, Settings } from 'lucide-react'
import { asProblem } from '#/api/problem'
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
import { ProblemNotice } from '#/ui/problem-notice'
import { setTheme, THEMES, type Theme, useTheme } from '#/ui/theme'
import { useSignOut } from './use-sign-out'

export function UserMenu({ email }: { email: string }) {
  const theme = useTheme()
  const navigate = useNavigate()
  const signOut = useSignOut()

  return (
    <>
      {signOut.error && <ProblemNotice problem={asProblem(signOut.error)} />}
      <Menu modal={false}>
        <MenuTrigger className="flex h-8 w-full items-center gap-2 rounded-md px-2 text-left hover:bg-hover">
          <CircleUserRound size={16} className="shrink-0 text-muted" aria-hidden />
          <span className="min-w-0 flex-1 truncate">{email}</span>
          <span className="sr-only">account menu</span>
          <ChevronsUpDown size={14} className="shrink-0 text-muted" aria-hidden />
        </MenuTrigger>
        <MenuContent side="top">
          <MenuLabel>Theme</MenuLabel>
          <MenuRadioGroup value={theme} onValueChange={(value) => setTheme(value as Theme)}>
            {THEMES.map(({ value, label }) => (
              // The menu stays open, so that the themes can be compared.
              <MenuRadioItem key={value} value={value} onSelect={(event) => event.preventDefault()}>
                {label}
              </MenuRadioItem>
            ))}
          </MenuRadioGroup>
          <MenuSeparator />
          <MenuItem onSelect={() => navigate({ to: '/settings' })}>
            <Settings size={14} className="w-4 text-muted" aria-hidden />
            Settings
          </MenuItem>
          <MenuItem onSelect={() => signOut.mutate()}>
            <LogOut size={14} className="w-4 text-muted" aria-hidden />
            Sign out
          </MenuItem>
        </MenuContent>
      </Menu>
    </>
  )
}
