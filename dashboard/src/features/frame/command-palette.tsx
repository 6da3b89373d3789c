/** Everything by name: pages, apps, keys, actions. A chunk of its own, loaded when it is first opened. */
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Search } from 'lucide-react'
import { Dialog } from 'radix-ui'
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from 'react'
import { keysQuery } from '#/api/queries'
import type { App, Session } from '#/api/types'
import { announce } from '#/ui/announce'
import { copyText } from '#/ui/clipboard'
import { cx } from '#/ui/cx'
import { plural } from '#/ui/format'
import { setTheme, THEMES } from '#/ui/theme'
import { type Command, findCommands, grouped } from './commands'
import { appSearch } from './current-app'
import { Key } from './shortcut-sheet'
import { useSignOut } from './use-sign-out'

interface CommandPaletteProps {
  session: Session
  app: App | undefined
  close: () => void
  showShortcuts: () => void
}

export default function CommandPalette({ session, app, close, showShortcuts }: CommandPaletteProps) {
  const commands = useCommands(session, app, showShortcuts)
  const [typed, setTyped] = useState('')
  const [at, setAt] = useState(0)
  const id = useId()
  const list = useRef<HTMLDivElement>(null)
  const groups = grouped(findCommands(commands, typed))
  const found = groups.flatMap(([, commands]) => commands)
  const current = found[Math.min(at, found.length - 1)]

  // biome-ignore lint/correctness/useExhaustiveDependencies: another current command is what scrolls.
  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' })
  }, [current?.id])

  const run = (command: Command | undefined) => {
    if (!command) return
    close()
    command.run()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const last = found.length - 1
    const next = { ArrowDown: at >= last ? 0 : at + 1, ArrowUp: at <= 0 ? last : at - 1, Home: 0, End: last }[event.key]
    if (next !== undefined) {
      event.preventDefault()
      setAt(Math.max(0, next))
    }
    if (event.key === 'Enter') {
      event.preventDefault()
      run(current)
    }
  }

  return (
    <Dialog.Root open onOpenChange={(open) => open || close()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-30 animate-appear bg-scrim" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed top-[10vh] left-1/2 z-30 flex max-h-[70dvh] w-[calc(100vw-24px)] max-w-[560px] -translate-x-1/2 animate-appear flex-col overflow-hidden rounded-lg border border-line bg-surface focus:outline-none"
        >
          <Dialog.Title className="sr-only">Command palette</Dialog.Title>
          <div className="flex items-center gap-2 border-b border-line px-3">
            <Search size={16} className="shrink-0 text-muted" aria-hidden />
            <input
              role="combobox"
              aria-label="Search pages, apps, keys and actions"
              aria-expanded="true"
              aria-controls={`${id}-list`}
              aria-activedescendant={current ? `${id}-${current.id}` : undefined}
              aria-autocomplete="list"
              value={typed}
              spellCheck={false}
              autoComplete="off"
              placeholder="Go to, create, copy…"
              onChange={(event) => {
                setTyped(event.target.value)
                setAt(0)
              }}
              onKeyDown={onKeyDown}
              className="h-11 min-w-0 flex-1 bg-transparent placeholder:text-faint focus-visible:outline-none"
            />
            <Key>Esc</Key>
          </div>
          <div
            ref={list}
            id={`${id}-list`}
            role="listbox"
            aria-label="Commands"
            className="min-h-0 overflow-y-auto p-1.5"
          >
            {groups.map(([group, commands]) => (
              // biome-ignore lint/a11y/useSemanticElements: a group of options inside a listbox, not of form fields.
              <div key={group} role="group" aria-labelledby={`${id}-${group}`}>
                <div id={`${id}-${group}`} className="px-2 pt-2 pb-1 text-xs text-muted">
                  {group}
                </div>
                {commands.map((command) => (
                  // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard works through the search field.
                  <div
                    key={command.id}
                    id={`${id}-${command.id}`}
                    role="option"
                    tabIndex={-1}
                    aria-selected={command === current}
                    onClick={() => run(command)}
                    onPointerMove={() => setAt(found.indexOf(command))}
                    className={cx(
                      'flex h-8 cursor-pointer items-center justify-between gap-3 rounded-sm px-2',
                      command === current && 'bg-accent-soft outline-2 -outline-offset-2 outline-accent',
                    )}
                  >
                    <span className="truncate">{command.label}</span>
                    {command.hint && <span className="shrink-0 truncate text-xs text-muted">{command.hint}</span>}
                  </div>
                ))}
              </div>
            ))}
            {found.length === 0 && <p className="px-2 py-6 text-center text-muted">Nothing is called that.</p>}
          </div>
          <p role="status" className="sr-only">
            {plural(found.length, 'command')}
          </p>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

function useCommands(session: Session, app: App | undefined, showShortcuts: () => void): Command[] {
  const navigate = useNavigate()
  const signOut = useSignOut()
  const keys = useQuery({ ...keysQuery(app?.id ?? ''), enabled: app !== undefined }).data?.items
  return useMemo(() => {
    const command = (
      group: Command['group'],
      label: string,
      run: () => void,
      more: Partial<Command> = {},
    ): Command => ({
      id: `${group}-${label}-${more.hint ?? ''}`.replaceAll(/\W+/g, '-'),
      group,
      label,
      run,
      ...more,
    })
    const here = app ? { params: { appId: app.id } } : null
    const copy = (text: string, what: string) =>
      copyText(text).then(
        () => announce(`Copied ${what}`),
        () => announce(`Could not copy ${what}`),
      )
    const ofApp =
      here && app
        ? [
            command('Pages', 'Overview', () => navigate({ to: '/apps/$appId', ...here }), { hint: 'g o' }),
            command('Pages', 'Welcome', () => navigate({ to: '/welcome', search: appSearch(session, app) }), {
              hint: 'g w',
              keywords: 'snippets first message curl',
            }),
            command('Pages', 'Keys', () => navigate({ to: '/apps/$appId/keys', ...here }), { hint: 'g k' }),
            command('Pages', 'Rules', () => navigate({ to: '/apps/$appId/rules', ...here }), {
              hint: 'g r',
              keywords: 'history anonymous client events presence',
            }),
            command('Pages', 'Usage', () => navigate({ to: '/apps/$appId/usage', ...here }), {
              hint: 'g u',
              keywords: 'messages connections chart csv',
            }),
            command('Pages', 'Limits', () => navigate({ to: '/apps/$appId/limits', ...here }), { hint: 'g l' }),
            command('Pages', 'App settings', () => navigate({ to: '/apps/$appId/settings', ...here }), {
              keywords: 'rename pause delete features',
            }),
          ]
        : []
    const actions =
      here && app
        ? [
            command('Actions', 'Create key', () =>
              navigate({ to: '/apps/$appId/keys', ...here, search: { create: 'key' } }),
            ),
            command('Actions', 'Copy app id', () => copy(app.id, 'app id'), { hint: app.id }),
          ]
        : []
    return [
      ...ofApp,
      command('Pages', 'Apps', () => navigate({ to: '/apps' }), { hint: 'g a' }),
      command('Pages', 'Audit log', () => navigate({ to: '/audit' })),
      command('Pages', 'Settings', () => navigate({ to: '/settings' }), {
        hint: 'g s',
        keywords: 'password devices sessions theme organisation',
      }),
      ...actions,
      command('Actions', 'Create app', () => navigate({ to: '/apps', search: { create: 'app' } })),
      command('Actions', 'Show keyboard shortcuts', showShortcuts, { hint: '?' }),
      ...THEMES.map(({ value, label }) => command('Actions', `Theme: ${label.toLowerCase()}`, () => setTheme(value))),
      command('Actions', 'Sign out', () => signOut.mutate()),
      ...session.apps.map((other) =>
        command('Apps', other.name, () => navigate({ to: '/apps/$appId', params: { appId: other.id } }), {
          hint: other.id,
          keywords: `${other.id} ${other.environment}`,
        }),
      ),
      ...(keys ?? []).map((key) =>
        command('Keys', key.name, () => copy(key.id, `the id of ${key.name}`), {
          hint: `copy id ${key.id.slice(0, 8)}…`,
          keywords: key.id,
        }),
      ),
    ]
  }, [app, keys, navigate, session, showShortcuts, signOut.mutate])
}
