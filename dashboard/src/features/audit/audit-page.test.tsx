import { screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { refusal, renderApp, SESSION, stubApi } from '#/test-app'

vi.mock('@peal/client', () => import('#/test-idle-client'))

const event = (id: number, action: string, part: object = {}) => ({
  id,
  at: '2026-01-01T00:00:00Z',
  actor: { type: 'user', id: 'u1', email: 'ada@example.com' },
  action,
  target: `key:K${id}`,
  before: null,
  after: null,
  ip: '203.0.113.7',
  request_id: 'req-1',
  ...part,
})

describe('the audit log', () => {
  it('is read page by page, with what changed on demand', async () => {
    stubApi({
      'GET /session': { body: SESSION },
      'GET /audit': (_, search) => ({
        body:
          search.get('cursor') === 'older'
            ? { items: [event(1, 'key.create')], next_cursor: null }
            : {
                items: [event(2, 'app.update', { before: { name: 'A' }, after: { name: 'B' } })],
                next_cursor: 'older',
              },
      }),
    })
    renderApp('/audit')
    const list = within(await screen.findByRole('list', { name: 'Events, newest first' }))
    expect(list.getByText('ada@example.com')).toBeVisible()
    await userEvent.click(list.getByRole('button', { name: 'Details of changed the app' }))
    expect(list.getByText('A')).toBeVisible()
    expect(list.getByText('B')).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: 'Show older' }))
    expect(await screen.findByText(/created the key/)).toBeVisible()
    expect(screen.getByText('That is everything.')).toBeVisible()
  })

  it('says who may see it', async () => {
    stubApi({
      'GET /session': { body: SESSION },
      'GET /audit': refusal(403, 'role_not_allowed', 'Owners and admins only.'),
    })
    renderApp('/audit')
    expect(await screen.findByRole('alert')).toHaveTextContent('Owners and admins only.')
  })
})
