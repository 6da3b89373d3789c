import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import type { AppPatch } from '#/api/types'
import { type Answers, APP, refusal, renderApp, SESSION, stubApi, testKey } from '#/test-app'

vi.mock('@peal/client', () => import('#/test-idle-client'))

/** A server that remembers its one app. */
function server(more: Answers = {}) {
  let apps = [APP]
  const calls = stubApi({
    'GET /session': () => ({ body: { ...SESSION, apps } }),
    [`PATCH /apps/${APP.id}`]: (body) => {
      const { name, paused, features } = body as AppPatch
      if (name === 'bad') return refusal(400, 'invalid_request', 'A name has 1 to 80 printable characters.')
      apps = apps.map((app) => ({
        ...app,
        ...(name && { name }),
        ...(typeof paused === 'boolean' && { paused }),
        features: {
          ...app.features,
          ...Object.fromEntries(Object.entries(features ?? {}).filter(([, on]) => on !== null)),
        },
      }))
      return { body: apps[0] }
    },
    [`DELETE /apps/${APP.id}`]: () => {
      apps = []
      return { status: 204 }
    },
    'POST /apps': (body) => {
      const app = { ...APP, ...(body as object), id: '987654321' }
      apps = [...apps, app]
      return { status: 201, body: { app, key: testKey('KEY9', 'First key') } }
    },
    'GET /apps/987654321/keys': { body: { items: [], next_cursor: null } },
    ...more,
  })
  return calls
}

describe('app settings', () => {
  const open = async (more?: Answers) => {
    const calls = server(more)
    renderApp(`/apps/${APP.id}/settings`)
    await screen.findByRole('heading', { name: 'App settings' })
    return calls
  }

  it('rename the app everywhere, or say what is wrong', async () => {
    await open()
    const field = screen.getByRole('textbox', { name: 'Name' })
    await userEvent.clear(field)
    await userEvent.keyboard('{Enter}')
    expect(field).toHaveAccessibleDescription('Give the app a name.')
    await userEvent.type(field, 'bad{Enter}')
    expect(await screen.findByRole('alert')).toHaveTextContent('A name has 1 to 80')
    await userEvent.clear(field)
    await userEvent.type(field, 'Chess club{Enter}')
    const crumbs = within(screen.getByRole('navigation', { name: 'Breadcrumb' }))
    expect(await crumbs.findByText('Chess club')).toBeVisible()
  })

  it('switch features at once, and back when the server refuses', async () => {
    await open({ [`PATCH /apps/${APP.id}`]: refusal(403, 'role_not_allowed', 'Not for viewers.') })
    const counts = screen.getByRole('switch', { name: 'Subscription counts' })
    expect(counts).toBeChecked()
    await userEvent.click(counts)
    expect(await screen.findByRole('alert')).toHaveTextContent('Not for viewers.')
    expect(screen.getByRole('switch', { name: 'Subscription counts' })).toBeChecked()
  })

  it('offer every feature of the Pusher protocol, and send only the one that is switched', async () => {
    let sent: unknown
    await open({
      [`PATCH /apps/${APP.id}`]: (body) => {
        sent = body
        return { body: APP }
      },
    })
    const switches = ['Subscription counts', 'Watchlists', 'Authorised connections only']
    for (const name of switches) expect(screen.getByRole('switch', { name })).toHaveAccessibleDescription(/\w{3}/)
    expect(screen.getAllByRole('switch')).toHaveLength(switches.length)
    await userEvent.click(screen.getByRole('switch', { name: 'Watchlists' }))
    await waitFor(() =>
      expect(sent).toMatchObject({
        features: { subscription_count: null, watchlist: false, authorized_connections: null },
      }),
    )
  })

  it('pause after a question, say so on every page, and resume', async () => {
    await open()
    await userEvent.click(screen.getByRole('button', { name: 'Pause app…' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Pause My first app?' }))
    await userEvent.click(dialog.getByRole('button', { name: 'Pause app' }))
    expect(await screen.findByText(/This app is paused: its connections/)).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: 'Resume app' }))
    await waitFor(() => expect(screen.queryByText(/This app is paused/)).toBeNull())
  })

  it('delete after the name is typed, and leave nothing to look at', async () => {
    await open()
    await userEvent.click(screen.getByRole('button', { name: 'Delete app…' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Delete My first app?' }))
    await userEvent.type(dialog.getByRole('textbox'), 'My first app{Enter}')
    expect(await screen.findByText('No app yet')).toBeVisible()
    expect(screen.queryByRole('navigation', { name: 'App' })).toBeNull()
  })
})

describe('apps', () => {
  it('are listed, and a created one leads to its welcome page', async () => {
    server()
    renderApp('/apps')
    await screen.findByRole('heading', { name: 'Apps' })
    const list = within(screen.getByRole('main'))
    expect(list.getByRole('link', { name: 'My first app' })).toHaveAttribute('href', `/apps/${APP.id}`)
    await userEvent.click(list.getByRole('button', { name: 'Create app' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Create app' }))
    await userEvent.click(dialog.getByRole('button', { name: 'Create app' }))
    expect(dialog.getByLabelText('Name')).toHaveAccessibleDescription('Give the app a name.')
    await userEvent.type(dialog.getByLabelText('Name'), 'Shop')
    await userEvent.click(dialog.getByRole('radio', { name: 'Production' }))
    await userEvent.click(dialog.getByRole('button', { name: 'Create app' }))
    const crumbs = within(await screen.findByRole('navigation', { name: 'Breadcrumb' }))
    expect(await crumbs.findByText('Shop')).toBeVisible()
    expect(crumbs.getByText('prod')).toBeVisible()
    expect(crumbs.getByText('Welcome')).toBeVisible()
  })
})
