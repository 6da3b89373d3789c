import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { stubUsage } from '#/features/usage/test-usage'
import { refusal, renderApp, SESSION, stubApi, testKey } from '#/test-app'

vi.mock('@peal/client', () => import('#/test-idle-client'))

const APP = '/apps/123456789'
const settings = {
  history: { count: 100, ttl_ms: 120_000 },
  client_events: true,
  anonymous: true,
  presence_grace_ms: null,
  durability: 'fast',
  message_bytes: null,
}

function open(latest: Record<string, number>, anonymous = true) {
  const calls = stubApi({
    'GET /session': { body: SESSION },
    [`GET ${APP}/usage`]: stubUsage(latest),
    [`GET ${APP}/limits`]: { body: { plan: { id: 'free', title: 'Free', messages_per_month: 1_000 }, items: [] } },
    [`GET ${APP}/rules`]: { body: { version: 1, ordered: [], default: { ...settings, anonymous } } },
    [`GET ${APP}/keys`]: {
      body: { items: [testKey('KEY1', 'Web', { capabilities: { '*': ['*'] } })], next_cursor: null },
    },
  })
  renderApp(APP)
  return calls
}

const tile = async (label: string) => (await screen.findByText(label)).parentElement

describe('the overview', () => {
  it('shows what was counted, and ticks what was seen', async () => {
    open({ messages_in: 60, messages_out: 240, peak_connections: 4, average: 1 })
    expect(await tile('Connections now')).toHaveTextContent('4peak in 24 hours 4')
    const month = new Date().toLocaleDateString('en-GB', { month: 'long', timeZone: 'UTC' })
    expect(await tile(`Messages in ${month}`)).toHaveTextContent('300in 60, out 240; 1,000 included')
    expect((await tile('Messages per second'))?.textContent).toMatch(/in [\d.]+, out [\d.]+/)
    const steps = within(screen.getByRole('region', { name: 'First steps' }))
    expect(steps.getAllByText('(done)')).toHaveLength(3)
    expect(steps.getByText('Let nobody in without a token')).toBeVisible()
    await userEvent.click(steps.getByRole('button', { name: 'Hide' }))
    expect(screen.queryByRole('region', { name: 'First steps' })).toBeNull()
  })

  it('offers a snippet while there is no traffic, and claims none', async () => {
    open({}, false)
    expect(await screen.findByText('No traffic yet.')).toBeVisible()
    expect(await tile('Connections now')).toHaveTextContent('0')
    expect(await screen.findByLabelText('curl snippet')).toHaveTextContent('KEY1')
    expect(screen.getAllByText('(done)')).toHaveLength(1)
  })

  it('that cannot be read says why, and keeps its heading', async () => {
    stubApi({
      'GET /session': { body: SESSION },
      [`GET ${APP}/usage`]: refusal(503, 'unavailable', 'Postgres is away.'),
    })
    renderApp(APP)
    await waitFor(() => expect(screen.getByRole('alert')).toHaveTextContent('Postgres is away.'))
    expect(screen.getByRole('heading', { name: 'Overview' })).toBeVisible()
  })
})
