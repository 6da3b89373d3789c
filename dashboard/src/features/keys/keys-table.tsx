/** The app's keys, a row each. Below 900 px a row becomes a block with its labels inside. */
import { Ellipsis } from 'lucide-react'
import type { ReactNode } from 'react'
import type { App, Key } from '#/api/types'
import { PasswordPrompt } from '#/features/auth/password-prompt'
import { Button, buttonClass } from '#/ui/button'
import { CopyButton } from '#/ui/copy-button'
import { Menu, MenuContent, MenuItem, MenuSeparator, MenuTrigger } from '#/ui/menu'
import { ProblemNotice } from '#/ui/problem-notice'
import { RelativeTime } from '#/ui/time'
import { describeCapabilities } from './capabilities'
import { envLines } from './new-secret'
import { type Reveal, useReveal } from './use-reveal'

export type KeyAction = 'edit' | 'test' | 'rotate' | 'revoke'

interface KeysTableProps {
  app: App
  keys: readonly Key[]
  email: string
  act: (action: KeyAction, key: Key) => void
}

const HEADS = ['Name', 'Key id', 'Created', 'Last used', 'Expires']

export function KeysTable({ app, keys, email, act }: KeysTableProps) {
  return (
    <table className="w-full rounded-lg border border-line bg-surface text-left max-lg:block lg:border-separate lg:border-spacing-0">
      <thead className="text-xs text-muted max-lg:sr-only">
        <tr>
          {HEADS.map((head) => (
            <th key={head} scope="col" className="border-b border-line px-4 py-2 font-normal">
              {head}
            </th>
          ))}
          <th scope="col" className="border-b border-line px-4 py-2">
            <span className="sr-only">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody className="max-lg:block">
        {keys.map((key) => (
          <KeyRows key={key.id} app={app} keys={keys} item={key} email={email} act={act} />
        ))}
      </tbody>
    </table>
  )
}

function KeyRows({ app, keys, item, email, act }: KeysTableProps & { item: Key }) {
  const reveal = useReveal(app.id, item.id)
  const expanded = reveal.secret !== null || reveal.passwordNeeded || reveal.problem !== null
  return (
    <>
      <tr className="align-top max-lg:block max-lg:border-t max-lg:border-line max-lg:px-4 max-lg:pt-3 max-lg:pb-3 max-lg:first:border-t-0 lg:[&:not(:first-child)>*]:border-t lg:[&>*]:border-line">
        <th scope="row" className="font-medium max-lg:block lg:px-4 lg:pt-3 lg:pb-2.5">
          <span className="break-words">{item.name}</span>
          <Capabilities item={item} />
        </th>
        <Cell label="Key id">
          <Copyable text={item.id} what="key id" />
        </Cell>
        <Cell label="Created">
          <span>
            <RelativeTime at={item.created_at} />
            {item.created_by && (
              <span className="block max-w-40 truncate text-xs text-muted">by {item.created_by}</span>
            )}
          </span>
        </Cell>
        <Cell label="Last used">{item.last_used_at ? <RelativeTime at={item.last_used_at} /> : 'not yet'}</Cell>
        <Cell label="Expires">
          <Expiry item={item} keys={keys} />
        </Cell>
        <td className="max-lg:block max-lg:pt-2 lg:px-4 lg:py-2.5 lg:text-right">
          <span className="inline-flex gap-1">
            <RevealButton reveal={reveal} name={item.name} />
            <Actions item={item} act={act} />
          </span>
        </td>
      </tr>
      {expanded && (
        <tr className="max-lg:block">
          <td colSpan={HEADS.length + 1} className="max-lg:block max-lg:px-4 max-lg:pb-3 lg:px-4 lg:pb-3">
            <Secret reveal={reveal} app={app} item={item} email={email} />
          </td>
        </tr>
      )}
    </>
  )
}

function Actions({ item, act }: { item: Key; act: KeysTableProps['act'] }) {
  return (
    <Menu modal={false}>
      <MenuTrigger className={buttonClass('ghost', 'icon')} aria-label={`More for ${item.name}`}>
        <Ellipsis size={16} aria-hidden />
      </MenuTrigger>
      <MenuContent align="end">
        <MenuItem onSelect={() => act('edit', item)}>Edit key</MenuItem>
        <MenuItem onSelect={() => act('test', item)}>Test what it may do</MenuItem>
        <MenuItem onSelect={() => act('rotate', item)} disabled={item.replaced_by !== null}>
          {item.replaced_by === null ? 'Rotate key' : 'Rotated already'}
        </MenuItem>
        <MenuSeparator />
        <MenuItem danger onSelect={() => act('revoke', item)}>
          Revoke key
        </MenuItem>
      </MenuContent>
    </Menu>
  )
}

function Capabilities({ item }: { item: Key }) {
  return (
    <ul aria-label="Capabilities" className="mt-1 flex max-w-[360px] flex-wrap gap-1 font-normal max-lg:mb-1.5">
      {describeCapabilities(item.capabilities).map((phrase) => (
        <li key={phrase} className="rounded-sm bg-sunken px-1.5 py-px text-xs break-all text-muted">
          {phrase}
        </li>
      ))}
      {item.allowed_origins.length > 0 && (
        <li className="rounded-sm bg-sunken px-1.5 py-px text-xs break-all text-muted">
          only from {item.allowed_origins.join(', ')}
        </li>
      )}
    </ul>
  )
}

function Expiry({ item, keys }: { item: Key; keys: readonly Key[] }) {
  const heir = keys.find((key) => key.id === item.replaced_by)
  if (item.expires_at === null) return 'never'
  const over = Date.parse(item.expires_at) <= Date.now()
  return (
    <span>
      {over && <span className="font-medium text-danger">Expired </span>}
      <RelativeTime at={item.expires_at} />
      {item.replaced_by && (
        <span className="block text-xs text-muted">replaced{heir ? ` by ${heir.id.slice(0, 6)}…` : ''}</span>
      )}
    </span>
  )
}

function Cell({ label, children }: { label: string; children: ReactNode }) {
  return (
    <td className="whitespace-nowrap max-lg:flex max-lg:items-start max-lg:gap-2 lg:px-4 lg:py-2.5">
      <span aria-hidden="true" className="w-20 shrink-0 pt-1 text-xs text-muted lg:hidden">
        {label}
      </span>
      <span className="inline-flex min-h-7 min-w-0 items-center">{children}</span>
    </td>
  )
}

function RevealButton({ reveal, name }: { reveal: Reveal; name: string }) {
  if (reveal.secret) {
    return (
      <Button size="sm" onClick={reveal.forget} aria-label={`Hide secret of ${name}`}>
        Hide secret
      </Button>
    )
  }
  return (
    <Button size="sm" busy={reveal.busy} onClick={reveal.reveal} aria-label={`Reveal secret of ${name}`}>
      Reveal secret
    </Button>
  )
}

function Secret({ reveal, app, item, email }: { reveal: Reveal; app: App; item: Key; email: string }) {
  if (reveal.passwordNeeded) {
    return <PasswordPrompt purpose="reveal the secret" email={email} confirm={reveal.confirm} cancel={reveal.cancel} />
  }
  if (reveal.problem) return <ProblemNotice problem={reveal.problem} />
  if (!reveal.secret) return null
  return (
    <div className="rounded-md bg-sunken px-3 py-2">
      <p className="flex flex-wrap items-center gap-x-3">
        <span className="text-xs text-muted">Secret</span>
        <span className="inline-flex min-w-0 items-center">
          <Copyable text={reveal.secret} what="secret" />
        </span>
        <CopyButton text={envLines(app.id, item.id, reveal.secret)} what=".env lines" label="Copy .env lines" />
      </p>
      <p className="mt-1 text-xs text-muted">
        Keep it on servers. It is hidden again five minutes after you leave this page.
      </p>
    </div>
  )
}

function Copyable({ text, what }: { text: string; what: string }) {
  return (
    <>
      <code className="min-w-0 font-mono text-xs break-all whitespace-normal">{text}</code>
      <CopyButton text={text} what={what} className="ml-1" />
    </>
  )
}
