/** The channel `hello` on the dashboard's connection: what arrives, and sending to it. */
import type { Channel, Message } from '@peal/client'
import { useCallback, useEffect, useRef, useState } from 'react'
import { randomId } from '#/api/idempotency'
import { useConsole } from '#/realtime/console'
import { addEarlier, addLive, type FeedRow } from './feed'
import { type ClockDifference, latencyFromElsewhere, measureClock } from './latency'

export const HELLO = 'hello'
const EARLIER_ROWS = 20

export interface Hello {
  rows: FeedRow[]
  subscribed: boolean
  /** Why the server refused the subscription, if it did. */
  refused: string | null
  /** @throws PealError when the server refuses, or the connection is gone. */
  send: (data: unknown) => Promise<void>
}

interface Sent {
  wall: number
  mono: number
}

export function useHello(): Hello {
  const { peal, link } = useConsole()
  const [rows, setRows] = useState<FeedRow[]>([])
  const [ready, setReady] = useState(false)
  const [refused, setRefused] = useState<string | null>(null)
  const sent = useRef(new Map<string, Sent>())
  const clock = useRef<ClockDifference | null>(null)

  useEffect(() => {
    if (!peal) return
    let open = true
    const channel = peal.channel(HELLO)

    const row = (message: Message): FeedRow => {
      const now = Date.now()
      const own = sent.current.get(message.id)
      if (own) clock.current = measureClock(clock.current, own.wall, now, message.ts)
      return {
        ...facts(message),
        at: now,
        from: own ? 'page' : (message.clientId ?? 'server'),
        latencyMs: own ? performance.now() - own.mono : latencyFromElsewhere(clock.current, now, message.ts),
        earlier: false,
      }
    }
    const off = channel.on('message', (message) => {
      const arrived = row(message)
      setRows((rows) => addLive(rows, arrived))
    })
    subscribeAndLookBack(channel).then(
      (earlier) => {
        if (!open) return
        setReady(true)
        setRows((rows) => addEarlier(rows, earlier))
      },
      (error: Error) => {
        if (open) setRefused(error.message)
      },
    )
    // A subscription may also be ended later, by a new token or a changed rule.
    const offError = peal.on('error', (error) => {
      if (channel.state !== 'failed') return
      setReady(false)
      setRefused(error.message)
    })
    return () => {
      open = false
      setReady(false)
      setRefused(null)
      off()
      offError()
      // A connection that is closed at the same time refuses this, which changes nothing.
      channel.unsubscribe().catch(() => {})
    }
  }, [peal])

  const send = useCallback(
    async (data: unknown) => {
      if (!peal) return
      const id = `dash-${randomId()}`
      sent.current.set(id, { wall: Date.now(), mono: performance.now() })
      await peal.channel(HELLO).publish('message', data, { id, echo: true, queue: false })
    },
    [peal],
  )

  return { rows, subscribed: ready && link.status === 'live', refused, send }
}

async function subscribeAndLookBack(channel: Channel): Promise<FeedRow[]> {
  await channel.subscribe()
  // What was sent before is a courtesy: an app whose rules keep no history has none.
  const page = await channel.history({ limit: EARLIER_ROWS }).catch(() => null)
  const earlier = (page?.messages ?? []).map((message) => ({
    ...facts(message),
    at: message.ts,
    from: message.clientId ?? 'server',
    latencyMs: null,
    earlier: true,
  }))
  return earlier.reverse()
}

function facts(message: Message): Pick<FeedRow, 'id' | 'event' | 'json'> {
  const json = message.data instanceof Uint8Array ? `<${message.data.length} bytes>` : JSON.stringify(message.data)
  return { id: message.id, event: message.event, json: json ?? 'null' }
}
