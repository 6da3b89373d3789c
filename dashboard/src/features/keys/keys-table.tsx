/** The app's keys, a row each. Below 768 px a row becomes a block with its labels inside. */
import type { ReactNode } from 'react'
import type { App, Key } from '#/api/types'
import { Button } from '#/ui/button'
import { CopyButton } from '#/ui/copy-button'
import { ProblemNotice } from '#/ui/problem-notice'
import { RelativeTime } from '#/ui/time'
import { describeCapabilities } from './capabilities'
import { PasswordPrompt } from './password-prompt'
import { type Reveal, useReveal } from './use-reveal'

interface KeysTableProps {
  app: App
  keys: readonly Key[]
  email: string
}

export function KeysTable({ app, keys, email }: KeysTableProps) {
  return (
    <table className="w-full rounded-lg border border-line bg-surface text-left max-md:block md:border-separate md:border-spacing-0">
      <thead className="text-xs text-muted max-md:sr-only">
        <tr>
          {['Name', 'Key id', 'Created', 'Last used', 'Expires'].map((head) => (
            <th key={head} scope="col" className="border-b border-line px-4 py-2 font-normal">
              {head}
            </th>
          ))}
          <th scope="col" className="border-b border-line px-4 py-2">
            <span className="sr-only">Secret</span>
          </th>
        </tr>
      </thead>
      <tbody className="max-md:block">
        {keys.map((key) => (
          <KeyRows key={key.id} app={app} item={key} email={email} />
        ))}
      </tbody>
    </table>
  )
}

function KeyRows({ app, item, email }: { app: App; item: Key; email: string }) {
  const reveal = useReveal(app.id, item.id)
  const expanded = reveal.secret !== null || reveal.passwordNeeded || reveal.problem !== null
  return (
    <>
      <tr className="align-top max-md:block max-md:border-t max-md:border-line max-md:px-4 max-md:pt-3 max-md:pb-2 max-md:first:border-t-0 md:[&:not(:first-child)>*]:border-t md:[&>*]:border-line">
        <th scope="row" className="font-medium max-md:block md:px-4 md:pt-3 md:pb-2.5">
          {item.name}
          <Capabilities item={item} />
        </th>
        <Cell label="Key id">
          <Copyable text={item.id} what="key id" />
        </Cell>
        <Cell label="Created">
          <RelativeTime at={item.created_at} />
        </Cell>
        <Cell label="Last used">{item.last_used_at ? <RelativeTime at={item.last_used_at} /> : 'not yet'}</Cell>
        <Cell label="Expires">{item.expires_at ? <RelativeTime at={item.expires_at} /> : 'never'}</Cell>
        <td className="max-md:block max-md:pt-2 md:px-4 md:py-2.5 md:text-right">
          <RevealButton reveal={reveal} name={item.name} />
        </td>
      </tr>
      {expanded && (
        <tr className="max-md:block">
          <td colSpan={6} className="max-md:block max-md:px-4 max-md:pb-3 md:px-4 md:pb-3">
            <Secret reveal={reveal} app={app} item={item} email={email} />
          </td>
        </tr>
      )}
    </>
  )
}

function Capabilities({ item }: { item: Key }) {
  return (
    <ul aria-label="Capabilities" className="mt-1 flex flex-wrap gap-1 font-normal max-md:mb-1.5">
      {describeCapabilities(item.capabilities).map((phrase) => (
        <li key={phrase} className="rounded-sm bg-sunken px-1.5 py-px text-xs text-muted">
          {phrase}
        </li>
      ))}
    </ul>
  )
}

function Cell({ label, children }: { label: string; children: ReactNode }) {
  return (
    <td className="whitespace-nowrap max-md:flex max-md:items-center max-md:gap-2 md:px-4 md:py-2.5">
      <span aria-hidden="true" className="w-20 text-xs text-muted md:hidden">
        {label}
      </span>
      <span className="inline-flex min-h-7 items-center">{children}</span>
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
      <code className="min-w-0 font-mono text-xs break-all">{text}</code>
      <CopyButton text={text} what={what} className="ml-1" />
    </>
  )
}

function envLines(app: string, key: string, secret: string): string {
  return `PEAL_APP_ID=${app}\nPEAL_KEY=${key}\nPEAL_SECRET=${secret}\n`
}
