import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { refusal, renderApp, SESSION, stubApi } from '#/test-app'
import { rememberSignedIn } from './signed-in-hint'

vi.mock('@peal/client', () => import('#/test-idle-client'))

const signInRequired = refusal(401, 'sign_in_required', 'Sign in first.')
const signedIn = { 'GET /session': { body: SESSION }, 'GET /apps/123456789/keys': { body: { items: [] } } }

async function fillIn(email: string, password: string) {
  if (email) await userEvent.type(await screen.findByLabelText('E-mail'), email)
  if (password) await userEvent.type(await screen.findByLabelText('Password'), password)
  await userEvent.keyboard('{Enter}')
}

describe('the start', () => {
  it('is sign-up where nobody has ever signed in, without asking the server', async () => {
    const calls = stubApi({})
    renderApp('/')
    await screen.findByRole('heading', { name: 'Create your account' })
    expect(calls).toEqual([])
  })

  it('is sign-in for somebody who has signed out', async () => {
    rememberSignedIn('no')
    stubApi({})
    renderApp('/')
    await screen.findByRole('heading', { name: 'Sign in' })
  })

  it('is the overview for somebody who is signed in', async () => {
    rememberSignedIn('yes')
    stubApi(signedIn)
    const router = renderApp('/')
    await screen.findByText("ada's team")
    expect(router.state.location.pathname).toBe('/apps/123456789')
  })
})

describe('sign-up', () => {
  it('names what is missing at each field and focuses the first', async () => {
    const calls = stubApi({})
    renderApp('/sign-up')
    const email = await screen.findByLabelText('E-mail')
    await userEvent.click(screen.getByRole('button', { name: 'Create account' }))
    expect(email).toHaveAccessibleDescription('Enter your e-mail address.')
    expect(email).toBeInvalid()
    expect(screen.getByLabelText('Password')).toHaveAccessibleDescription(/At least 10 characters.*Choose a password/s)
    expect(email).toHaveFocus()
    expect(calls).toEqual([])
  })

  it('puts a refusal at its field, and takes it away when the field changes', async () => {
    stubApi({ 'POST /auth/sign-up': refusal(409, 'email_taken', 'An account with this e-mail exists.') })
    renderApp('/sign-up')
    await fillIn('ada@example.com', 'tide lamp river')
    const email = screen.getByLabelText('E-mail')
    await waitFor(() => expect(email).toHaveAccessibleDescription('An account with this e-mail exists.'))
    await userEvent.type(email, 'x')
    expect(email).not.toBeInvalid()
  })

  it('shows any other refusal with its request id', async () => {
    stubApi({ 'POST /auth/sign-up': refusal(500, 'internal', 'Something went wrong on our side.') })
    renderApp('/sign-up')
    await fillIn('ada@example.com', 'tide lamp river')
    const alert = await screen.findByRole('alert')
    expect(alert).toHaveTextContent('Something went wrong on our side.')
    expect(alert).toHaveTextContent('req-7')
    expect(screen.getByRole('button', { name: 'Copy request id' })).toBeVisible()
  })

  it('leads to the welcome page, focus and title included', async () => {
    stubApi({ 'POST /auth/sign-up': { status: 201 }, ...signedIn })
    const router = renderApp('/sign-up')
    await fillIn('ada@example.com', 'tide lamp river')
    await waitFor(() => expect(router.state.location.pathname).toBe('/welcome'))
    await waitFor(() => expect(screen.getByRole('main')).toHaveFocus())
    expect(screen.getByTestId('announcer')).toHaveTextContent('Welcome · Peal')
  })
})

describe('sign-in', () => {
  it('comes back to the page that needed it', async () => {
    let known = false
    stubApi({
      ...signedIn,
      'GET /session': () => (known ? { body: SESSION } : signInRequired),
      'POST /auth/sign-in': () => {
        known = true
        return {}
      },
    })
    const router = renderApp('/apps/123456789/keys')
    await screen.findByText('Sign in to go on where you were.')
    await fillIn('ada@example.com', 'tide lamp river')
    await screen.findByRole('heading', { name: 'Keys' })
    expect(router.state.location.pathname).toBe('/apps/123456789/keys')
  })

  it('says at the password that it is wrong', async () => {
    stubApi({ 'POST /auth/sign-in': refusal(401, 'bad_credentials', 'E-mail or password is wrong.') })
    renderApp('/sign-in')
    await fillIn('ada@example.com', 'nonsense')
    await waitFor(() =>
      expect(screen.getByLabelText('Password')).toHaveAccessibleDescription('E-mail or password is wrong.'),
    )
  })
})

it('a session that ends while somebody is at work leads to sign-in and back', async () => {
  stubApi({ ...signedIn, 'GET /apps/123456789/keys': signInRequired })
  const router = renderApp('/apps/123456789/keys')
  await screen.findByText('Sign in to go on where you were.')
  expect(router.state.location.search).toEqual({ next: '/apps/123456789/keys' })
})

describe('a page that cannot be loaded', () => {
  it('says why, and can be tried again', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {}) // React and the router report what the page shows.
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    let broken = true
    stubApi({
      ...signedIn,
      'GET /session': () =>
        broken ? refusal(503, 'unavailable', 'The service cannot do this right now.') : { body: SESSION },
    })
    renderApp('/welcome')
    expect(await screen.findByRole('alert')).toHaveTextContent('The service cannot do this right now.')
    broken = false
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
    await screen.findByText("ada's team")
  })

  it('of an app that is not ours is not found', async () => {
    const calls = stubApi(signedIn)
    renderApp('/apps/1/keys')
    await screen.findByRole('heading', { name: 'Nothing at this address' })
    expect(calls).toEqual(['GET /session'])
  })
})
