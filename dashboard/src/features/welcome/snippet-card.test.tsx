import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { beforeEach, describe, expect, it } from 'vitest'
import { refusal, renderPart, SESSION, stubApi } from '#/test-app'
import { SnippetCard } from './snippet-card'

const SECRET = 's'.repeat(43)
const revealed = { body: { id: 'KEY', secret: SECRET } }
const REVEAL = 'POST /apps/123456789/keys/KEY/reveal'
const app = SESSION.apps[0] as (typeof SESSION.apps)[0]

const show = () => renderPart(<SnippetCard app={app} keyId="KEY" edgeUrl="http://edge.test" email="ada@example.com" />)
const clipboard = () => navigator.clipboard.readText()
const copy = (what: string) => userEvent.click(screen.getByRole('button', { name: `Copy ${what}` }))

beforeEach(() => {
  userEvent.setup() // Gives jsdom a clipboard.
})

describe('snippets', () => {
  it('show the secret masked and copy it in full, asking for it only then', async () => {
    const calls = stubApi({ [REVEAL]: revealed })
    const { container } = show()
    expect(screen.getByTestId('snippet')).toHaveTextContent('curl -u KEY:••••••••••••')
    expect(calls).toEqual([])
    await copy('the curl snippet')
    await waitFor(async () => expect(await clipboard()).toContain(`curl -u KEY:${SECRET} `))
    expect(container.innerHTML).not.toContain(SECRET)
    expect(screen.getByTestId('announcer')).toHaveTextContent('Copied the curl snippet')
    await userEvent.click(screen.getByRole('tab', { name: 'Node' }))
    await copy('the Node snippet')
    expect(calls).toEqual([REVEAL])
  })

  it('show the secret on request and hide it again', async () => {
    stubApi({ [REVEAL]: revealed })
    show()
    await userEvent.click(screen.getByRole('button', { name: 'Show secret' }))
    await waitFor(() => expect(screen.getByTestId('snippet')).toHaveTextContent(SECRET))
    await userEvent.click(screen.getByRole('button', { name: 'Hide secret' }))
    expect(screen.getByTestId('snippet')).not.toHaveTextContent(SECRET)
  })

  it('need no secret for a browser', async () => {
    const calls = stubApi({})
    show()
    await userEvent.click(screen.getByRole('tab', { name: 'Browser' }))
    await copy('the Browser snippet')
    await waitFor(async () => expect(await clipboard()).toContain("key: 'KEY'"))
    expect(calls).toEqual([])
    expect(screen.queryByRole('button', { name: 'Show secret' })).toBeNull()
  })

  it('remember the language', async () => {
    const first = show()
    await userEvent.click(screen.getByRole('tab', { name: 'Python' }))
    first.unmount()
    show()
    expect(screen.getByRole('tab', { selected: true })).toHaveTextContent('Python')
  })
})

describe('more than 15 minutes after signing in', () => {
  it('the password is asked for in place, and then what was wanted is copied', async () => {
    let sudo = false
    stubApi({
      [REVEAL]: () => (sudo ? revealed : refusal(403, 'sudo_required', 'Enter your password again to do this.')),
      'POST /session/sudo': (body) => {
        sudo = (body as { password: string }).password === 'right'
        return sudo ? { body: {} } : refusal(401, 'bad_credentials', 'E-mail or password is wrong.')
      },
    })
    show()
    await copy('the curl snippet')
    const prompt = within(await screen.findByRole('form'))
    const password = prompt.getByLabelText('Password')
    expect(password).toHaveFocus()
    await userEvent.type(password, 'wrong{Enter}')
    await waitFor(() => expect(password).toHaveAccessibleDescription('That is not your password.'))
    await userEvent.clear(password)
    await userEvent.type(password, 'right{Enter}')
    await waitFor(async () => expect(await clipboard()).toContain(SECRET))
    expect(screen.queryByRole('form')).toBeNull()
  })

  it('Escape leaves it as it was', async () => {
    stubApi({ [REVEAL]: refusal(403, 'sudo_required', 'Enter your password again to do this.') })
    show()
    await userEvent.click(screen.getByRole('button', { name: 'Show secret' }))
    await screen.findByRole('form')
    await userEvent.keyboard('{Escape}')
    expect(screen.queryByRole('form')).toBeNull()
  })
})

it('a refused reveal is shown with its reason', async () => {
  stubApi({ [REVEAL]: refusal(404, 'not_found', 'Nothing is here.') })
  show()
  await copy('the curl snippet')
  expect(await screen.findByRole('alert')).toHaveTextContent('Nothing is here.')
})
