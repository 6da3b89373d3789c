import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import type { RuleSettings, Rules } from '#/api/types'
import { type Answers, refusal, renderApp, SESSION, stubApi } from '#/test-app'

vi.mock('@peal/client', () => import('#/test-idle-client'))

const settings: RuleSettings = {
  history: { count: 100, ttl_ms: 120_000 },
  client_events: false,
  anonymous: false,
  presence_grace_ms: null,
  durability: 'fast',
  message_bytes: null,
}
const rules = (patterns: string[], version = 3): Rules => ({
  version,
  ordered: patterns.map((pattern) => ({ pattern, settings })),
  default: settings,
})
const RULES = '/apps/123456789/rules'

async function open(answers: Answers) {
  const calls = stubApi({
    'GET /session': { body: SESSION },
    'GET /apps/123456789/limits': { body: { plan: { id: 'free', title: 'Free', messages_per_month: 1 }, items: [] } },
    [`GET ${RULES}`]: { body: rules(['chat.*', 'news']) },
    ...answers,
  })
  renderApp(`${RULES}`)
  await screen.findByRole('listitem', { name: 'Default rule' })
  return calls
}

const order = () =>
  screen
    .getAllByRole('listitem')
    .map((item) => item.getAttribute('aria-label'))
    .filter(Boolean)

describe('rules', () => {
  it('are ordered with the keyboard and saved with the version that was read', async () => {
    const saved: unknown[] = []
    await open({
      [`PUT ${RULES}`]: (body) => {
        saved.push(body)
        return { body: { ...(body as Rules), version: 4 } }
      },
    })
    expect(order()).toEqual(['Rule 1, chat.*', 'Rule 2, news', 'Default rule'])
    screen.getByRole('button', { name: 'Move news up' }).focus()
    await userEvent.keyboard('{Enter}')
    expect(order()).toEqual(['Rule 1, news', 'Rule 2, chat.*', 'Default rule'])
    expect(screen.getByTestId('announcer')).toHaveTextContent('news is rule 1 of 2')
    expect(screen.getByRole('button', { name: 'Move news up' })).toHaveFocus()
    await userEvent.click(screen.getByRole('button', { name: 'Save rules' }))
    await waitFor(() => expect(screen.queryByText(/Unsaved changes\. They/)).toBeNull())
    expect(saved).toEqual([rules(['news', 'chat.*'])])
  })

  it('are added and edited in a drawer, which checks what is typed', async () => {
    await open({})
    await userEvent.click(screen.getByRole('button', { name: 'Add rule' }))
    const drawer = within(await screen.findByRole('dialog', { name: 'Add rule' }))
    await userEvent.type(drawer.getByLabelText('Channel pattern'), 'news')
    await userEvent.click(drawer.getByRole('button', { name: 'Add to the list' }))
    expect(drawer.getByLabelText('Channel pattern')).toHaveAccessibleDescription(/Another rule has this pattern/)
    await userEvent.type(drawer.getByLabelText('Channel pattern'), '.*')
    await userEvent.click(drawer.getByRole('switch', { name: 'Anonymous clients' }))
    await userEvent.click(drawer.getByRole('button', { name: 'Add to the list' }))
    const row = await screen.findByRole('listitem', { name: 'Rule 3, news.*' })
    expect(row).toHaveTextContent('anonymous clients')
    expect(screen.getByText(/Unsaved changes\. They/)).toBeVisible()
    await userEvent.click(screen.getByRole('button', { name: 'Discard' }))
    expect(order()).toEqual(['Rule 1, chat.*', 'Rule 2, news', 'Default rule'])
  })

  it('are tried with unsaved changes, and the one that decides is marked', async () => {
    const asked: unknown[] = []
    await open({
      [`POST ${RULES}/test`]: (body) => {
        asked.push(body)
        return { body: { rule: { number: 1, pattern: 'news' }, settings, why: 'Rule 1, news, matches.' } }
      },
    })
    await userEvent.click(screen.getByRole('button', { name: 'Move news up' }))
    await userEvent.type(screen.getByLabelText('Which rule decides about'), 'news')
    await waitFor(() => expect(screen.getByRole('listitem', { name: 'Rule 1, news' })).toHaveTextContent('decides'))
    expect(screen.getByText(/Rule 1, news, matches\./)).toBeVisible()
    expect(asked.at(-1)).toMatchObject({ channel: 'news', ordered: [{ pattern: 'news' }, { pattern: 'chat.*' }] })
  })

  it('that somebody else saved meanwhile are put side by side, and nothing is lost', async () => {
    let version = 3
    const saved: Rules[] = []
    await open({
      [`GET ${RULES}`]: () => ({
        body: version === 3 ? rules(['chat.*', 'news']) : rules(['chat.*', 'news', 'vip'], 4),
      }),
      [`PUT ${RULES}`]: (body) => {
        const given = body as Rules
        if (given.version === 3) {
          version = 4
          return refusal(409, 'version_conflict', 'Somebody else saved meanwhile.')
        }
        saved.push(given)
        return { body: { ...given, version: 5 } }
      },
    })
    await userEvent.click(screen.getByRole('button', { name: 'Move news up' }))
    await userEvent.click(screen.getByRole('button', { name: 'Save rules' }))
    const conflict = within(await screen.findByRole('region', { name: 'Somebody else saved these rules' }))
    expect(conflict.getByText(/They added vip/)).toBeVisible()
    expect(conflict.getByText(/Compared with theirs, yours: removed vip, changed the order/)).toBeVisible()
    expect(order()).toEqual(['Rule 1, news', 'Rule 2, chat.*', 'Default rule'])
    await userEvent.click(conflict.getByRole('button', { name: 'Save mine over theirs' }))
    await waitFor(() => expect(saved).toEqual([rules(['news', 'chat.*'], 4)]))
    await waitFor(() => expect(screen.queryByRole('region', { name: 'Somebody else saved these rules' })).toBeNull())
  })

  it('that are not saved are not left by accident', async () => {
    await open({ 'GET /apps/123456789/keys': { body: { items: [], next_cursor: null } } })
    await userEvent.click(screen.getByRole('button', { name: 'Move news up' }))
    await userEvent.click(screen.getByRole('link', { name: 'Keys' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Leave without saving?' }))
    await userEvent.click(dialog.getByRole('button', { name: 'Stay here' }))
    expect(order()[0]).toBe('Rule 1, news')
    await userEvent.click(screen.getByRole('link', { name: 'Keys' }))
    await userEvent.click(await screen.findByRole('button', { name: 'Leave' }))
    await screen.findByRole('heading', { name: 'Keys' })
  })

  it('that cannot be read say why', async () => {
    stubApi({
      'GET /session': { body: SESSION },
      [`GET ${RULES}`]: refusal(403, 'role_not_allowed', 'Not for viewers.'),
    })
    renderApp(RULES)
    expect(await screen.findByRole('alert')).toHaveTextContent('Not for viewers.')
    expect(screen.getByRole('heading', { name: 'Rules' })).toBeVisible()
  })
})
