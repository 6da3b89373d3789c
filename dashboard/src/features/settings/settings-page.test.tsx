import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { type Answers, refusal, renderApp, SESSION, stubApi } from '#/test-app'

vi.mock('@peal/client', () => import('#/test-idle-client'))

const device = (id: string, current: boolean, user_agent: string) => ({
  id,
  current,
  ip: '203.0.113.7',
  user_agent,
  created_at: '2026-01-01T00:00:00Z',
  last_seen_at: '2026-01-01T00:00:00Z',
})

async function open(more: Answers = {}) {
  let devices = [device('s1', true, 'Firefox/130.0 Linux'), device('s2', false, 'curl/8.5.0')]
  const calls = stubApi({
    'GET /session': { body: SESSION },
    'GET /sessions': () => ({ body: { items: devices, next_cursor: null } }),
    'DELETE /sessions/s2': () => {
      devices = devices.slice(0, 1)
      return { status: 204 }
    },
    ...more,
  })
  renderApp('/settings')
  await screen.findByRole('heading', { name: 'Settings' })
  return calls
}

describe('settings', () => {
  it('end another device, never the present one', async () => {
    await open()
    const devices = within(screen.getByRole('region', { name: 'Devices' }))
    expect(await devices.findByText('Firefox on Linux')).toBeVisible()
    expect(devices.getByText('this device')).toBeVisible()
    await userEvent.click(devices.getByRole('button', { name: /Sign out curl/ }))
    await waitFor(() => expect(devices.queryByText('curl')).toBeNull())
    expect(devices.queryByRole('button', { name: 'Sign out all others' })).toBeNull()
  })

  it('change the password, and put each refusal at its field', async () => {
    await open({
      'PATCH /session/password': (body) => {
        const { current, new: next } = body as { current: string; new: string }
        if (current !== 'tide lamp river') return refusal(401, 'bad_credentials', 'Wrong.')
        if (next === 'password1234') return refusal(400, 'weak_password', 'Too common.')
        return { status: 204 }
      },
    })
    const panel = within(screen.getByRole('region', { name: 'Password' }))
    const [current, next] = [panel.getByLabelText('Present password'), panel.getByLabelText('New password')]
    const submit = () => userEvent.click(panel.getByRole('button', { name: 'Change password' }))
    await submit()
    expect(current).toHaveAccessibleDescription('Enter your present password.')
    await userEvent.type(current, 'wrong')
    await userEvent.type(next, 'password1234')
    await submit()
    await waitFor(() => expect(current).toHaveAccessibleDescription('That is not your password.'))
    await userEvent.clear(current)
    await userEvent.type(current, 'tide lamp river')
    await submit()
    await waitFor(() => expect(next).toHaveAccessibleDescription(/Too common\./))
    await userEvent.clear(next)
    await userEvent.type(next, 'a much longer one 7')
    await submit()
    expect(await panel.findByText(/Changed\. Other devices are signed out/)).toBeVisible()
    expect(current).toHaveValue('')
  })

  it('rename the organisation', async () => {
    await open({ 'PATCH /org': (body) => ({ body: { id: 'o1', ...(body as object) } }) })
    const field = within(screen.getByRole('region', { name: 'Organisation' })).getByLabelText('Name')
    await userEvent.clear(field)
    await userEvent.type(field, 'Chess Ltd{Enter}')
    const crumbs = within(screen.getByRole('navigation', { name: 'Breadcrumb' }))
    expect(await crumbs.findByText('Chess Ltd')).toBeVisible()
  })

  it('switch single-key shortcuts off', async () => {
    await open()
    await userEvent.click(screen.getByRole('switch', { name: 'Keyboard shortcuts' }))
    await userEvent.click(document.body)
    await userEvent.keyboard('?')
    expect(screen.queryByRole('dialog')).toBeNull()
    await userEvent.click(screen.getByRole('switch', { name: 'Keyboard shortcuts' }))
    await userEvent.click(document.body)
    await userEvent.keyboard('?')
    expect(await screen.findByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible()
  })
})
