import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { stubQuota } from '#/features/quota/test-quota'
import { refusal, renderApp, SESSION, stubApi } from '#/test-app'
import { formatLimit, mistakeOf } from './limit-words'

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
    expect(screen.getByRole('row', { name: /Bytes/ })).toHaveTextContent('set for this app; the plan has 64 KiB')
  })

  it('are lowered for the app, never beyond what the plan has, and given back', async () => {
    const patches: unknown[] = []
    let item = limit({})
    stubApi({
      'GET /session': { body: SESSION },
      'GET /quota': stubQuota({ used: 85, standing: 'near' }),
      'GET /apps/123456789/limits': () => ({ body: { plan: { id: 'free', title: 'Free' }, items: [item] } }),
      'PATCH /apps/123456789': (body) => {
        patches.push(body)
        item = limit({ value: 40, tightened: patches.length === 1 })
        return { body: SESSION.apps[0] }
      },
    })
    renderApp('/apps/123456789/limits')
    expect(await screen.findByText('of 100 used, 85 %')).toBeVisible()
    await userEvent.click(await screen.findByRole('button', { name: 'Change Open connections' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Open connections' }))
    const field = dialog.getByLabelText('At most, in connections')
    await userEvent.clear(field)
    await userEvent.type(field, '300{Enter}')
    expect(field).toHaveAccessibleDescription(/The plan has 250; give that or less/)
    await userEvent.clear(field)
    await userEvent.type(field, '40{Enter}')
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
    const row = await screen.findByRole('row', { name: /set for this app; the plan has 250/ })
    await userEvent.click(within(row).getByRole('button', { name: 'Change Open connections' }))
    await userEvent.click(await screen.findByRole('button', { name: 'Take the plan’s' }))
    await waitFor(() => expect(patches).toEqual([{ limits: { connections: 40 } }, { limits: { connections: null } }]))
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
    const history = { unit: 'ms', plan_value: 7_200_000 }
    expect([mistakeOf('120', history), mistakeOf('121', history)]).toEqual([
      undefined,
      'The plan has 2 h; give that or less.',
    ])
    expect([mistakeOf('', history), mistakeOf('-1', history)]).toEqual(['Give a number.', 'Give a number.'])
    expect(mistakeOf('1.5', { unit: 'connections', plan_value: null })).toBe('Give a whole number.')
  })
})
