/**
 * The dashboard's own connection to the edge: one per app that is looked at, opened with a console token. Pages use it like
 * any customer's browser would, so what they show is what the edge really delivers.
 */
import { connect, type Peal } from '@peal/client'
import { useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, use, useEffect, useMemo, useState } from 'react'
import { api } from '#/api/client'
import { asProblem } from '#/api/problem'
import { sessionQuery } from '#/api/queries'
import { reasonOf } from './reason'

/** Where the connection stands, as far as a page cares. `live` is said only while messages can really arrive. */
export type Link =
  | { status: 'connecting' }
  | { status: 'live' }
  /** `retryAt` is past while an attempt is under way. */
  | { status: 'offline'; reason: string; retryAt: number }
  | { status: 'refused'; reason: string }

export interface Console {
  /** Null for the moment before the connection is made. */
  peal: Peal | null
  link: Link
  edgeUrl: string
  retry: () => void
}

const ConsoleContext = createContext<Console | null>(null)

export function useConsole(): Console {
  const console = use(ConsoleContext)
  if (!console) throw new Error('useConsole outside of ConsoleProvider')
  return console
}

/** Another app means another connection. */
export function ConsoleProvider({ app, edgeUrl, children }: { app: string; edgeUrl: string; children: ReactNode }) {
  const queryClient = useQueryClient()
  const [peal, setPeal] = useState<Peal | null>(null)
  const [link, setLink] = useState<Link>({ status: 'connecting' })

  useEffect(() => {
    const getToken = async () => {
      try {
        return (await api.consoleToken(app)).token
      } catch (error) {
        // The session ended: asking for it again leads to the sign-in page.
        if (asProblem(error).status === 401) void queryClient.invalidateQueries(sessionQuery)
        throw error
      }
    }
    const opened = connect({ url: edgeUrl, getToken })
    const report = () => setLink((before) => linkOf(opened, before, edgeUrl))
    const stops = [
      opened.on('state', report),
      // Refusals that a page can show arrive through the calls that caused them; this keeps them out of the browser's console.
      opened.on('error', () => {}),
    ]
    report()
    setPeal(opened)
    return () => {
      for (const stop of stops) stop()
      setPeal(null)
      setLink({ status: 'connecting' })
      void opened.close()
    }
  }, [app, edgeUrl, queryClient])

  const value = useMemo(() => ({ peal, link, edgeUrl, retry: () => peal?.reconnect() }), [peal, link, edgeUrl])
  return <ConsoleContext value={value}>{children}</ConsoleContext>
}

/** An attempt that follows a failed one is still `offline`: the page would otherwise change its mind at every attempt. */
function linkOf(peal: Peal, before: Link, edgeUrl: string): Link {
  const state = peal.state
  switch (state.name) {
    case 'connected':
      return { status: 'live' }
    case 'waiting':
      return { status: 'offline', reason: reasonOf(state.error, edgeUrl), retryAt: Date.now() + state.retryIn }
    case 'failed':
      return { status: 'refused', reason: reasonOf(state.error, edgeUrl) }
    case 'connecting':
      return before.status === 'offline' ? { ...before, retryAt: 0 } : { status: 'connecting' }
    case 'closed':
      return { status: 'connecting' }
  }
}
