import { cleanup, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { stubQuota } from '#/features/quota/test-quota'
import { type Answers, APP, renderApp, SESSION, stubApi, testKey } from '#/test-app'

vi.mock('@peal/client', () => import('#/test-idle-client'))

const other = { ...APP, id: '987654321', name: 'Shop' }

async function open(more: Answers = {}) {
  const page = { body: { items: [testKey('KEY1', 'Web')], next_cursor: null } }
  stubApi({
    'GET /session': { body: { ...SESSION, apps: [APP, other] } },
    [`GET /apps/${APP.id}/keys`]: page,
    [`GET /apps/${other.id}/keys`]: page,
    'GET /sessions': { body: { items: [], next_cursor: null } },
    ...more,
  })
  renderApp(`/apps/${APP.id}/keys`)
  await screen.findByRole('heading', { name: 'Keys' })
}

const crumbs = () => within(screen.getByRole('navigation', { name: 'Breadcrumb' }))

describe('the frame', () => {
  it('goes anywhere from the palette, with the keyboard alone', async () => {
    await open()
    await userEvent.keyboard('{Control>}k{/Control}')
    const search = await screen.findByRole('combobox', { name: /Search pages/ })
    expect(search).toHaveFocus()
    await userEvent.type(search, 'sett')
    expect(search).toHaveAttribute('aria-activedescendant', screen.getAllByRole('option', { selected: true })[0]?.id)
    await userEvent.keyboard('{ArrowUp}{ArrowDown}{Enter}')
    await waitFor(() => expect(screen.queryByRole('combobox')).toBeNull())
    await screen.findByRole('heading', { name: 'Settings' })
  })

  it('finds apps and keys by name, and says when there is nothing', async () => {
    await open()
    await userEvent.click(screen.getByRole('button', { name: 'Search and commands' }))
    const search = await screen.findByRole('combobox')
    await userEvent.type(search, 'shop')
    expect(screen.getByRole('option', { name: /Shop/ })).toBeVisible()
    await userEvent.clear(search)
    await userEvent.type(search, 'web')
    expect(screen.getByRole('option', { name: /Web/ })).toHaveTextContent('copy id KEY1')
    await userEvent.type(search, 'xyz')
    expect(screen.getByText('Nothing is called that.')).toBeVisible()
  })

  it('knows short keys, but not while somebody types', async () => {
    await open()
    await userEvent.keyboard('gs')
    const field = await screen.findByLabelText('Present password')
    await userEvent.type(field, 'gk')
    expect(field).toHaveValue('gk')
    expect(crumbs().getByText('Settings')).toBeVisible()
    await userEvent.click(document.body)
    await userEvent.keyboard('gk')
    await screen.findByRole('heading', { name: 'Keys' })
  })

  it('switches to the same page of the next app', async () => {
    await open()
    await userEvent.keyboard(']')
    expect(await crumbs().findByText('Shop')).toBeVisible()
    expect(crumbs().getByText('Keys')).toBeVisible()
  })

  it('says when a quota is nearly used, and nothing before', async () => {
    const quota = (part: Parameters<typeof stubQuota>[0]) => open({ 'GET /quota': stubQuota(part) })
    await quota({ used: 80, standing: 'near' })
    expect(await screen.findByText(/^80 % of the 100 messages included in .* At 100 % publishing/)).toBeVisible()
    expect(
      screen.getByRole('link', {
        name: /^80 \/ 100 80 % ?: 80 of 100 messages of this month are used, 80 %. At 100 %/,
      }),
    ).toBeVisible()
    cleanup()
    await quota({ used: 150, standing: 'stopped' })
    expect(await screen.findByText(/^All 100 messages included in .* Publishes are refused until/)).toBeVisible()
    expect(screen.getByRole('link', { name: /150 %. Publishes are refused/ })).toHaveTextContent('150 %')
    cleanup()
    await quota({ used: 79 })
    expect(await screen.findByRole('link', { name: /79 of 100 messages/ })).toHaveTextContent('79 / 100')
    expect(screen.queryByText(/messages included in/)).toBeNull()
  })

  it('says that the server does not answer, and stops saying so when it does', async () => {
    let broken = false
    await open({
      'GET /session': () => {
        if (broken) throw new TypeError('fetch failed')
        return { body: { ...SESSION, apps: [APP, other] } }
      },
      'GET /sessions': () => {
        throw new TypeError('fetch failed')
      },
    })
    broken = true
    await userEvent.keyboard('gs')
    expect(await screen.findByText(/The server does not answer/)).toBeVisible()
    broken = false
    const strip = screen.getByText(/The server does not answer/).closest<HTMLElement>('[role=status]')
    await userEvent.click(within(strip as HTMLElement).getByRole('button', { name: 'Try now' }))
    await waitFor(() => expect(screen.queryByText('The server does not answer', { exact: false })).toBeNull())
  })
})
