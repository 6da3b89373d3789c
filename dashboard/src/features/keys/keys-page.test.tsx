import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { type Answers, refusal, renderApp, SESSION, stubApi } from '#/test-app'

vi.mock('@peal/client', () => import('#/test-idle-client'))

const KEYS = 'GET /apps/123456789/keys'
const REVEAL = 'POST /apps/123456789/keys/KEY1/reveal'
const SECRET = 'x'.repeat(43)
const key = (id: string, name: string) => ({
  id,
  name,
  capabilities: { 'chat.*': ['publish'] },
  created_at: '2026-01-01T00:00:00Z',
  last_used_at: null,
  expires_at: null,
})
const twoKeys = { body: { items: [key('KEY1', 'Web'), key('KEY2', 'Jobs')], next_cursor: null } }

async function open(answers: Answers) {
  userEvent.setup() // Gives jsdom a clipboard.
  stubApi({ 'GET /session': { body: SESSION }, ...answers })
  renderApp('/apps/123456789/keys')
  await screen.findByRole('heading', { name: 'Keys' })
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
    expect(await navigator.clipboard.readText()).toBe(`PEAL_APP_ID=123456789\nPEAL_KEY=KEY1\nPEAL_SECRET=${SECRET}\n`)
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

describe('renaming the app', () => {
  it('changes the name everywhere, or says what is wrong with it', async () => {
    let name = 'My first app'
    await open({
      [KEYS]: twoKeys,
      'GET /session': () => ({ body: { ...SESSION, apps: [{ ...SESSION.apps[0], name }] } }),
      'PATCH /apps/123456789': (body) => {
        name = (body as { name: string }).name
        return name === 'bad'
          ? refusal(400, 'invalid_request', 'A name has 1 to 80 printable characters.')
          : { body: {} }
      },
    })
    await userEvent.click(screen.getByRole('button', { name: /app menu/ }))
    await userEvent.click(await screen.findByRole('menuitem', { name: 'Rename app' }))
    const field = await screen.findByRole('textbox', { name: 'Name' })
    await userEvent.clear(field)
    await userEvent.keyboard('{Enter}')
    expect(field).toHaveAccessibleDescription('Give the app a name.')
    await userEvent.type(field, 'bad{Enter}')
    expect(await screen.findByRole('alert')).toHaveTextContent('A name has 1 to 80')
    await userEvent.clear(field)
    await userEvent.type(field, 'Chess club{Enter}')
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
    expect(within(screen.getByRole('navigation', { name: 'Breadcrumb' })).getByText('Chess club')).toBeVisible()
  })
})
