import { screen, within } from '@testing-library/react'
import { describe, expect, it, vi } from 'vitest'
import { refusal, renderApp, SESSION, stubApi } from '#/test-app'
import { formatLimit } from './limits-page'

vi.mock('@peal/client', () => import('#/test-idle-client'))

const limit = (part: object) => ({
  name: 'connections',
  title: 'Open connections',
  unit: 'connections',
  value: 250,
  plan_value: 250,
  tightened: false,
  when_reached: 'A new connection is refused.',
  error: 'connection_limit',
  help_url: '/docs/errors.md#connection_limit',
  ...part,
})

describe('limits', () => {
  it('are listed with what happens and whether the app set them itself', async () => {
    const items = [
      limit({}),
      limit({
        name: 'message_bytes',
        title: 'Bytes',
        unit: 'bytes',
        value: 1_024,
        plan_value: 65_536,
        tightened: true,
        error: null,
      }),
    ]
    stubApi({
      'GET /session': { body: SESSION },
      'GET /apps/123456789/limits': { body: { plan: { id: 'free', title: 'Free' }, items } },
    })
    renderApp('/apps/123456789/limits')
    const row = await screen.findByRole('row', { name: /Open connections/ })
    expect(row).toHaveTextContent('250')
    expect(row).toHaveTextContent('A new connection is refused.')
    expect(within(row).getByRole('link', { name: 'connection_limit' })).toHaveAttribute(
      'href',
      '/docs/errors.md#connection_limit',
    )
    expect(screen.getByRole('row', { name: /Bytes/ })).toHaveTextContent('1 KiBset for this app; the plan has 64 KiB')
  })

  it('that may not be seen say so', async () => {
    stubApi({
      'GET /session': { body: SESSION },
      'GET /apps/123456789/limits': refusal(403, 'role_not_allowed', 'Your role may not see limits.'),
    })
    renderApp('/apps/123456789/limits')
    expect(await screen.findByRole('alert')).toHaveTextContent(
      'Your role may not see limits.An owner of the organisation',
    )
  })

  it('read in their unit', () => {
    expect(formatLimit(null, 'connections')).toBe('no limit')
    expect(formatLimit(7_200_000, 'ms')).toBe('2 h')
    expect(formatLimit(500, 'messages/s')).toBe('500 per second')
  })
})
