import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { type Answers, refusal, renderApp, SESSION, stubApi, testKey } from '#/test-app'

vi.mock('@peal/client', () => import('#/test-idle-client'))

const KEYS = 'GET /apps/123456789/keys'
const REVEAL = 'POST /apps/123456789/keys/KEY1/reveal'
const SECRET = 'x'.repeat(43)
const twoKeys = { body: { items: [testKey('KEY1', 'Web'), testKey('KEY2', 'Jobs')], next_cursor: null } }

async function open(answers: Answers) {
  userEvent.setup() // Gives jsdom a clipboard.
  const calls = stubApi({ 'GET /session': { body: SESSION }, ...answers })
  renderApp('/apps/123456789/keys')
  await screen.findByRole('heading', { name: 'Keys' })
  return calls
}

describe('keys', () => {
  it('are listed with what they may do and when they were used', async () => {
    await open({ [KEYS]: twoKeys })
    const row = await screen.findByRole('row', { name: /Web/ })
    expect(row).toHaveTextContent('publish on chat.*')
    expect(row).toHaveTextContent('not yet')
    expect(row).toHaveTextContent('never')
    expect(screen.getAllByRole('row')).toHaveLength(3)
  })

  it('show the secret that is asked for and no other, and forget it when hidden', async () => {
    await open({ [KEYS]: twoKeys, [REVEAL]: { body: { id: 'KEY1', secret: SECRET } } })
    await userEvent.click(await screen.findByRole('button', { name: 'Reveal secret of Web' }))
    expect(await screen.findByText(SECRET)).toBeVisible()
    expect(screen.getByRole('button', { name: 'Reveal secret of Jobs' })).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: 'Copy .env lines' }))
    expect(await navigator.clipboard.readText()).toBe(
      `PEAL_APP_ID=123456789\nPEAL_KEY_ID=KEY1\nPEAL_KEY_SECRET=${SECRET}\n`,
    )
    await userEvent.click(screen.getByRole('button', { name: 'Hide secret of Web' }))
    expect(screen.queryByText(SECRET)).toBeNull()
  })

  it('ask for the password when the sign-in is old, in the row that wants it', async () => {
    let sudo = false
    await open({
      [KEYS]: twoKeys,
      [REVEAL]: () =>
        sudo ? { body: { id: 'KEY1', secret: SECRET } } : refusal(403, 'sudo_required', 'Again, please.'),
      'POST /session/sudo': () => {
        sudo = true
        return { body: { sudo_until: '2026-01-01T00:15:00Z' } }
      },
    })
    await userEvent.click(await screen.findByRole('button', { name: 'Reveal secret of Web' }))
    const prompt = within(await screen.findByRole('form'))
    await userEvent.click(prompt.getByRole('button', { name: 'Confirm' }))
    expect(prompt.getByLabelText('Password')).toHaveAccessibleDescription('Enter your password.')
    await userEvent.type(prompt.getByLabelText('Password'), 'tide lamp river{Enter}')
    expect(await screen.findByText(SECRET)).toBeVisible()
  })

  it('that cannot be read say why and can be tried again', async () => {
    let broken = true
    await open({ [KEYS]: () => (broken ? refusal(403, 'role_not_allowed', 'Your role may not see keys.') : twoKeys) })
    expect(await screen.findByRole('alert')).toHaveTextContent('Your role may not see keys.')
    broken = false
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
    await screen.findByRole('row', { name: /Web/ })
  })

  it('that do not exist are said to be none', async () => {
    await open({ [KEYS]: { body: { items: [], next_cursor: null } } })
    expect(await screen.findByText(/This app has no key/)).toBeVisible()
  })
})

describe('editing a key', () => {
  it('sends what was changed and shows what holds then', async () => {
    let item = testKey('KEY1', 'Web')
    const patches: unknown[] = []
    await open({
      [KEYS]: () => ({ body: { items: [item], next_cursor: null } }),
      'PATCH /apps/123456789/keys/KEY1': (body) => {
        patches.push(body)
        item = testKey('KEY1', 'Site', { capabilities: { '*': ['publish'] } })
        return { body: item }
      },
    })
    await userEvent.click(await screen.findByRole('button', { name: 'More for Web' }))
    await userEvent.click(await screen.findByRole('menuitem', { name: 'Edit key' }))
    const drawer = within(await screen.findByRole('dialog', { name: 'Edit Web' }))
    const name = drawer.getByLabelText('Name')
    expect(drawer.getByRole('radio', { name: 'Custom' })).toBeChecked()
    await userEvent.clear(name)
    await userEvent.click(drawer.getByRole('button', { name: 'Save' }))
    expect(name).toHaveAccessibleDescription(/Give the key a name/)
    await userEvent.type(name, 'Site')
    await userEvent.click(drawer.getByRole('radio', { name: 'Server, publish only' }))
    await userEvent.click(drawer.getByRole('button', { name: 'Save' }))
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
    expect(patches).toEqual([{ name: 'Site', capabilities: { '*': ['publish'] } }])
    expect(await screen.findByRole('row', { name: /Site/ })).toHaveTextContent('publish on every channel')
  })
})

describe('creating a key', () => {
  it('asks for a name, tries the matrix, and shows the secret once', async () => {
    const asked: unknown[] = []
    await open({
      [KEYS]: twoKeys,
      'POST /apps/123456789/keys': (body) => {
        asked.push(body)
        return { status: 201, body: { key: testKey('KEY3', 'orders'), secret: SECRET } }
      },
    })
    await userEvent.click(screen.getByRole('button', { name: 'Create key' }))
    const drawer = within(await screen.findByRole('dialog', { name: 'Create key' }))
    await userEvent.click(drawer.getByRole('button', { name: 'Create key' }))
    expect(drawer.getByLabelText('Name')).toHaveAccessibleDescription(/Give the key a name/)
    await userEvent.type(drawer.getByLabelText('Name'), 'orders')

    await userEvent.click(drawer.getByRole('radio', { name: 'Custom' }))
    await userEvent.click(drawer.getByRole('button', { name: 'Add a row' }))
    const second = drawer.getByLabelText('Channel pattern of row 2')
    await userEvent.type(second, 'orders.*')
    await userEvent.selectOptions(drawer.getByLabelText('Can this key'), 'subscribe')
    await userEvent.type(drawer.getByLabelText('Channel'), 'private-orders.7')
    expect(drawer.getByRole('status')).toHaveTextContent('Yes, by row 2, orders.*.')
    await userEvent.selectOptions(drawer.getByLabelText('Can this key'), 'publish')
    expect(drawer.getByRole('status')).toHaveTextContent('No: no row allows it.')

    await userEvent.type(drawer.getByLabelText(/Allowed origins/), 'https://app.example.com/path')
    await userEvent.click(drawer.getByRole('button', { name: 'Create key' }))
    expect(drawer.getByLabelText(/Allowed origins/)).toHaveAccessibleDescription(/is not an origin/)
    await userEvent.clear(drawer.getByLabelText(/Allowed origins/))
    await userEvent.type(drawer.getByLabelText(/Allowed origins/), 'https://app.example.com')
    await userEvent.click(drawer.getByRole('button', { name: 'Create key' }))

    const created = within(await screen.findByRole('dialog', { name: 'Key created' }))
    expect(created.getByText(SECRET)).toBeVisible()
    expect(asked).toEqual([
      {
        name: 'orders',
        preset: 'custom',
        capabilities: { 'chat.*': ['subscribe', 'publish'], 'orders.*': ['subscribe'] },
        allowed_origins: ['https://app.example.com'],
        expires_at: null,
      },
    ])
    await userEvent.click(created.getByRole('button', { name: 'I stored it' }))
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
    expect(document.body).not.toHaveTextContent(SECRET)
  })
})

describe('ending a key', () => {
  const act = async (action: string) => {
    await userEvent.click(await screen.findByRole('button', { name: 'More for Web' }))
    await userEvent.click(await screen.findByRole('menuitem', { name: action }))
  }

  it('wants its name typed, and the password where the sign-in is old', async () => {
    let sudo = false
    const calls = await open({
      [KEYS]: twoKeys,
      'DELETE /apps/123456789/keys/KEY1': () =>
        sudo ? { status: 204 } : refusal(403, 'sudo_required', 'Enter your password again.'),
      'POST /session/sudo': () => {
        sudo = true
        return { body: { sudo_until: '2026-01-01T00:15:00Z' } }
      },
    })
    await act('Revoke key')
    const dialog = within(await screen.findByRole('dialog', { name: 'Revoke Web?' }))
    await userEvent.type(dialog.getByLabelText('Type “Web” to confirm'), 'Jobs{Enter}')
    expect(dialog.getByLabelText('Type “Web” to confirm')).toHaveAccessibleDescription('That is not “Web”.')
    await userEvent.clear(dialog.getByLabelText('Type “Web” to confirm'))
    await userEvent.type(dialog.getByLabelText('Type “Web” to confirm'), 'Web{Enter}')
    await userEvent.type(await dialog.findByLabelText('Password'), 'tide lamp river{Enter}')
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
    expect(calls.filter((call) => call.startsWith('DELETE'))).toHaveLength(2)
  })

  it('rotates with an overlap and shows the new secret', async () => {
    const bodies: unknown[] = []
    await open({
      [KEYS]: twoKeys,
      'POST /apps/123456789/keys/KEY1/rotate': (body) => {
        bodies.push(body)
        const old = testKey('KEY1', 'Web', { expires_at: '2999-01-01T00:00:00Z', replaced_by: 'KEY9' })
        return { status: 201, body: { key: testKey('KEY9', 'Web'), secret: SECRET, old } }
      },
    })
    await act('Rotate key')
    const dialog = within(await screen.findByRole('dialog', { name: 'Rotate Web' }))
    await userEvent.click(dialog.getByRole('radio', { name: '1 hour' }))
    await userEvent.click(dialog.getByRole('button', { name: 'Rotate key' }))
    const done = within(await screen.findByRole('dialog', { name: 'Key rotated' }))
    expect(done.getByText(SECRET)).toBeVisible()
    expect(done.getByText(/The old key works until/)).toBeVisible()
    expect(bodies).toEqual([{ overlap_s: 3600 }])
  })

  it('is tested by the server, which names the row', async () => {
    await open({
      [KEYS]: twoKeys,
      'POST /apps/123456789/keys/KEY1/test': (body) => ({
        body: {
          allowed: (body as { operation: string }).operation === 'publish',
          by: 'chat.*',
          reason: 'chat.* grants publish.',
        },
      }),
    })
    await act('Test what it may do')
    const dialog = within(await screen.findByRole('dialog', { name: 'Test Web' }))
    await userEvent.type(dialog.getByLabelText('Channel'), 'chat.42')
    await waitFor(() => expect(dialog.getByRole('status')).toHaveTextContent('Yes, by row 1. chat.* grants publish.'))
    expect(dialog.getByText('chat.*').closest('li')).toHaveAttribute('data-highlighted')
  })
})
