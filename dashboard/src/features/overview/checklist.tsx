/** First steps, each ticked by what was seen, not by a click. It goes away when all are done, or when it is hidden. */
import { Link } from '@tanstack/react-router'
import { Check } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import type { App, Session } from '#/api/types'
import { appSearch } from '#/features/frame/current-app'
import { Button } from '#/ui/button'
import { cx } from '#/ui/cx'
import { Panel } from '#/ui/panel'

export interface Seen {
  published: boolean
  connected: boolean
  delivered: boolean
  /** The default rule lets no anonymous client in. */
  guarded: boolean
}

export function Checklist({ app, session, seen }: { app: App; session: Session; seen: Seen }) {
  const [hidden, setHidden] = useHidden(app.id)
  if (hidden || Object.values(seen).every(Boolean)) return null
  const link = 'text-accent underline underline-offset-2'
  return (
    <Panel
      title="First steps"
      aside={
        <Button look="ghost" size="sm" onClick={() => setHidden()}>
          Hide
        </Button>
      }
    >
      <ol className="space-y-2 px-4 py-3">
        <Step done={seen.published} title="Publish from your code">
          One line of curl, or a Pusher library.{' '}
          <Link to="/welcome" search={appSearch(session, app)} className={link}>
            Snippets with your key
          </Link>
        </Step>
        <Step done={seen.connected} title="Connect a client">
          A browser or phone with the key id, or with a token.
        </Step>
        <Step done={seen.delivered} title="Deliver a message">
          Something published reaches a connected client.
        </Step>
        <Step done={seen.guarded} title="Let nobody in without a token">
          Turn off anonymous clients in the default rule before you go live.{' '}
          <Link to="/apps/$appId/rules" params={{ appId: app.id }} className={link}>
            Rules
          </Link>
        </Step>
      </ol>
    </Panel>
  )
}

function Step({ done, title, children }: { done: boolean; title: string; children: ReactNode }) {
  return (
    <li className="flex gap-2.5">
      <span
        aria-hidden="true"
        className={cx(
          'mt-0.5 flex size-4 shrink-0 items-center justify-center rounded-full border',
          done ? 'border-ok text-ok' : 'border-control border-dashed',
        )}
      >
        {done && <Check size={11} strokeWidth={3} />}
      </span>
      <span>
        <span className={done ? 'text-muted line-through' : 'font-medium'}>{title}</span>
        <span className="sr-only">{done ? ' (done)' : ' (open)'}</span>
        {!done && <span className="block text-xs text-muted">{children}</span>}
      </span>
    </li>
  )
}

function useHidden(app: string): [boolean, () => void] {
  const key = `peal.first-steps.${app}`
  const [hidden, setHidden] = useState(() => {
    try {
      return localStorage.getItem(key) === 'hidden'
    } catch {
      return false
    }
  })
  return [
    hidden,
    () => {
      setHidden(true)
      try {
        localStorage.setItem(key, 'hidden')
      } catch {
        // Without storage it comes back with the next load.
      }
    },
  ]
}
