import { act, screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { renderApp, SESSION, stubApi } from '#/test-app'

/** A client whose state and messages the test decides. The real one meets the real edge in the browser walk. */
const fake = vi.hoisted(() => {
  const listeners: Record<string, Set<(value: never) => void>> = {}
  const on = (event: string, listener: (value: never) => void) => {
    listeners[event] ??= new Set()
    listeners[event].add(listener)
    return () => listeners[event]?.delete(listener)
  }
  const emit = (event: string, value: unknown) => {
    for (const listener of [...(listeners[event] ?? [])]) listener(value as never)
  }
  const channel = {
    on,
    state: 'subscribed',
    subscribe: vi.fn(async () => {}),
    unsubscribe: async () => {},
    history: vi.fn(async () => ({ messages: [] as unknown[] })),
    publish: vi.fn(async (_event: string, _data: unknown, _options: { id: string }) => ({ id: 'x' })),
  }
  const peal = {
    state: { name: 'connected' } as unknown,
    on,
    channel: () => channel,
    reconnect: vi.fn(),
    close: async () => {},
  }
  return { peal, channel, emit, listeners }
})
vi.mock('@peal/client', () => ({ connect: () => fake.peal }))

const key = { id: 'KEY', name: 'First key', capabilities: { '*': ['*'] }, created_at: '2026-01-01T00:00:00Z' }
const message = (id: string, text: string, clientId?: string) => ({
  id,
  event: 'message',
  data: { text },
  ts: Date.now() - 20,
  clientId,
  channel: 'hello',
})
const arrives = (...args: Parameters<typeof message>) => act(() => fake.emit('message', message(...args)))
const becomes = (state: unknown) =>
  act(() => {
    fake.peal.state = state
    fake.emit('state', state)
  })

beforeEach(() => {
  fake.peal.state = { name: 'connected' }
  fake.channel.state = 'subscribed'
  fake.channel.subscribe.mockReset().mockResolvedValue()
  fake.channel.history.mockReset().mockResolvedValue({ messages: [] })
  fake.channel.publish.mockReset().mockResolvedValue({ id: 'x' })
  fake.peal.reconnect.mockReset()
  stubApi({ 'GET /session': { body: SESSION }, 'GET /apps/123456789/keys': { body: { items: [key] } } })
})

async function open() {
  renderApp('/welcome')
  await screen.findByRole('heading', { level: 1 })
}

describe('the live list', () => {
  it('waits for the first message, then shows where each came from and how long it took', async () => {
    await open()
    await screen.findByText('Waiting for your first message… run the curl line or press Send')
    arrives('1', 'by REST')
    arrives('2', 'from a client', 'bob')
    const rows = screen.getAllByTestId('message')
    expect(rows.map((row) => within(row).getByTestId('latency').textContent)).toEqual([
      expect.stringMatching(/^arrived in \d+ ms$/),
      expect.stringMatching(/^arrived in \d+ ms$/),
    ])
    expect(rows[0]).toHaveTextContent('your code')
    expect(rows[1]).toHaveTextContent('bob')
    expect(screen.getByText('A message from your code').closest('li')).toHaveTextContent('(done)')
  })

  it('shows what was sent before, oldest first and without a latency', async () => {
    fake.channel.history.mockResolvedValue({ messages: [message('2', 'newer'), message('1', 'older')] })
    await open()
    await screen.findAllByText('sent earlier')
    const rows = screen.getAllByTestId('message')
    expect(rows.map((row) => /older|newer/.exec(row.textContent ?? '')?.[0])).toEqual(['older', 'newer'])
    expect(screen.queryByTestId('latency')).toBeNull()
  })

  it('goes without history where the app keeps none', async () => {
    fake.channel.history.mockRejectedValue(new Error('not kept'))
    await open()
    await screen.findByRole('heading', { name: 'Your channel hello is live' })
  })
})

describe('Send', () => {
  it('publishes what is typed and knows its own message again', async () => {
    await open()
    await screen.findByRole('heading', { name: 'Your channel hello is live' })
    fake.channel.publish.mockImplementation(async (_event, _data, { id }) => {
      fake.emit('message', message(id, 'hello', 'console'))
      return { id }
    })
    await userEvent.click(screen.getByRole('button', { name: 'Send' }))
    expect(fake.channel.publish).toHaveBeenCalledWith(
      'message',
      { text: 'hello' },
      expect.objectContaining({ echo: true }),
    )
    expect(await screen.findByTestId('message')).toHaveTextContent('this page')
  })

  it('says at the field what the server refused', async () => {
    await open()
    await screen.findByRole('heading', { name: 'Your channel hello is live' })
    fake.channel.publish.mockRejectedValue(new Error('The message is larger than the limit.'))
    await userEvent.click(screen.getByRole('button', { name: 'Send' }))
    expect(await screen.findByText('The message is larger than the limit.')).toBeVisible()
    expect(screen.getByLabelText(/^Publish to/)).toHaveAccessibleDescription('The message is larger than the limit.')
  })
})

describe('a connection that does not stand', () => {
  it('says why and offers to try now', async () => {
    await open()
    becomes({ name: 'waiting', attempt: 2, retryIn: 4_000, error: { code: 1006, message: 'closed with 1006' } })
    expect(screen.getByRole('heading', { name: 'Not connected to hello' })).toBeVisible()
    expect(screen.getByText(/^The connection to http:\/\/edge.test:7100 was lost/)).toBeVisible()
    expect(screen.getByText('next try in 4 s')).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: 'Try now' }))
    expect(fake.peal.reconnect).toHaveBeenCalledOnce()
    becomes({ name: 'connecting', attempt: 3 })
    expect(screen.getByRole('heading', { name: 'Not connected to hello' })).toBeVisible()
    expect(screen.getByText('trying…')).toBeVisible()
    becomes({ name: 'connected' })
    expect(screen.getByRole('heading', { name: 'Your channel hello is live' })).toBeVisible()
  })

  it('does not take a message it cannot send', async () => {
    await open()
    becomes({ name: 'connecting', attempt: 1 })
    await userEvent.click(screen.getByRole('button', { name: 'Send' }))
    expect(screen.getByText(/^Not connected yet/)).toBeVisible()
    expect(fake.channel.publish).not.toHaveBeenCalled()
  })

  it('shows a refusal of the app and one of the channel', async () => {
    fake.channel.subscribe.mockRejectedValue(new Error('Not allowed on this channel.'))
    await open()
    await screen.findByRole('heading', { name: 'Could not subscribe to hello' })
    expect(screen.getByText('Not allowed on this channel.')).toBeVisible()
    becomes({ name: 'failed', error: { code: 40301, message: 'The app is paused.' } })
    expect(screen.getByText('The app is paused.')).toBeVisible()
  })
})
