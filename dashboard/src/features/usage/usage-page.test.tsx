import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { type Answers, refusal, renderApp, SESSION, stubApi } from '#/test-app'
import { stubUsage } from './test-usage'

vi.mock('@peal/client', () => import('#/test-idle-client'))
// jsdom draws no canvas; the browser walk looks at the picture.
vi.mock('uplot', () => ({
  default: class {
    static paths = {}
    bbox = { height: 100 }
    setData() {}
    setSize() {}
    setCursor() {}
    valToPos = () => 0
    destroy() {}
  },
}))
vi.stubGlobal(
  'ResizeObserver',
  class {
    observe() {}
    disconnect() {}
  },
)

const PATH = '/apps/123456789/usage'

function open(search: string, latest: Record<string, number>, more: Answers = {}) {
  vi.stubGlobal(
    'ResizeObserver',
    class {
      observe() {}
      disconnect() {}
    },
  )
  const calls = stubApi({ 'GET /session': { body: SESSION }, [`GET ${PATH}`]: stubUsage(latest), ...more })
  renderApp(PATH + search)
  return calls
}

const figure = async (name: string) => (await screen.findByText(name, { selector: 'dt' })).nextElementSibling

describe('usage', () => {
  it('shows the total, says in words what the chart draws, and reads single values with the keyboard', async () => {
    open('', { messages_in: 88 })
    expect(await figure('Total')).toHaveTextContent('88')
    const chart = screen.getByRole('img', { name: /^Messages in in the last hour\. Messages in: 88 in all/ })
    chart.focus()
    await userEvent.keyboard('{ArrowLeft}')
    expect(screen.getByText(/: 88 messages$/)).toBeVisible()
    await userEvent.keyboard('{Home}')
    expect(screen.getByText(/: 0 messages$/)).toBeVisible()
    expect(screen.getByText(/complete to/)).toBeVisible()
  })

  it('shows connections as peak and average, both by name', async () => {
    open('?metric=connections', { peak_connections: 7, average: 2.5 })
    expect(await figure('Peak')).toHaveTextContent('7')
    expect(await figure('Average')).toHaveTextContent('2.5')
    expect(screen.getByRole('img', { name: /Peak: most 7 .*Average: most/ })).toBeVisible()
    await userEvent.click(screen.getByText('How is this counted?'))
    expect(screen.getByText('The rule of peak_connections.')).toBeVisible()
    expect(screen.getByText('The rule of connection_ms.')).toBeVisible()
  })

  it('is a table and a download as well, and the address says which', async () => {
    open('?range=day', { messages_in: 5 })
    await screen.findByRole('img')
    await userEvent.click(screen.getByRole('button', { name: 'View as table' }))
    const table = within(await screen.findByRole('table', { name: 'Messages in in the last 24 hours' }))
    expect(table.getAllByRole('row')).toHaveLength(25)
    expect(table.getAllByRole('row')[1]).toHaveTextContent('5')
    expect(screen.getByRole('button', { name: 'Download CSV' })).toBeVisible()
    await userEvent.click(screen.getByRole('tab', { name: 'Messages out' }))
    await screen.findByRole('table', { name: 'Messages out in the last 24 hours' })
  })

  it('says so when nothing was counted', async () => {
    open('', {})
    expect(await screen.findByText(/Nothing was counted in the last hour/)).toBeVisible()
    expect(screen.getByRole('img', { name: /Messages in: none in the last hour/ })).toBeVisible()
  })

  it('is broken down by where it comes from, in the dimension that the address says', async () => {
    const asked: string[] = []
    open(
      '',
      { messages_in: 4 },
      {
        [`GET ${PATH}/breakdown`]: (_, search) => {
          const by = search.get('by') ?? ''
          asked.push(`${search.get('metric')} by ${by}`)
          const items =
            by === 'key'
              ? [{ label: 'K1', name: 'Web', value: 4 }]
              : [
                  { label: 'chat', value: 3 },
                  { label: '', value: 1 },
                ]
          return { body: { by, metric: '', from: '', to: '', items } }
        },
        [`GET ${PATH}/notes`]: {
          body: {
            items: [{ kind: 'loss', noticed_at: '2026-01-01T00:00:00Z', text: 'Some usage may be missing here.' }],
          },
        },
      },
    )
    expect(await screen.findByRole('row', { name: 'chat 3 75 %' })).toBeVisible()
    expect(screen.getByRole('row', { name: 'no namespace 1 25 %' })).toBeVisible()
    expect(await screen.findByText('Some usage may be missing here.')).toBeVisible()
    await userEvent.click(screen.getByRole('radio', { name: 'Key' }))
    expect(await screen.findByRole('row', { name: 'Web 4 100 %' })).toBeVisible()
    expect(screen.getByRole('button', { name: 'Download CSV by key' })).toBeVisible()
    await userEvent.click(screen.getByRole('tab', { name: 'Connections' }))
    await waitFor(() => expect(asked.at(-1)).toBe('connections_opened by key'))
  })

  it('that cannot be read says why', async () => {
    stubApi({ 'GET /session': { body: SESSION }, [`GET ${PATH}`]: refusal(403, 'role_not_allowed', 'Not for you.') })
    renderApp(PATH)
    await waitFor(() => expect(screen.getByRole('alert')).toHaveTextContent('Not for you.'))
  })
})
