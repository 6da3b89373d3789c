/** A key from its making to its end, and what the edge makes of each step. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { expectNoErrors, launch, openTab, type Tab } from './support/browser'
import { appIdOf, dialog, goTo, signUp } from './support/walk'

const dashboardUrl = inject('dashboardUrl')
const edgeUrl = inject('edgeUrl')
let browser: Browser
let tab: Tab
let created: { id: string; secret: string }
let rotated: { id: string; secret: string }

beforeAll(async () => {
  browser = await launch()
  tab = await openTab(browser)
  await signUp(tab.page, dashboardUrl)
  await goTo(tab.page, 'Keys')
})
afterAll(() => browser.close())

it('is created with a matrix that was tried first, and does exactly that', async () => {
  const { page } = tab
  await page.getByRole('button', { name: 'Create key' }).click()
  const drawer = dialog(page, 'Create key')
  await drawer.getByLabel('Name').fill('orders')
  await drawer.getByRole('radio', { name: 'Custom' }).check()
  await drawer.getByLabel('Channel pattern of row 1').fill('orders.*')
  await drawer.getByRole('checkbox', { name: 'subscribe' }).uncheck()
  await drawer.getByLabel('Channel', { exact: true }).fill('private-orders.7')
  await drawer.getByText('Yes, by row 1').waitFor()
  await drawer.getByLabel('Channel', { exact: true }).fill('chat.1')
  await drawer.getByText('No: no row allows it.').waitFor()
  await drawer.getByRole('button', { name: 'Create key' }).click()

  created = await secretIn(page, 'Key created')
  await dialog(page, 'Key created').getByRole('button', { name: 'I stored it' }).click()
  await expect.poll(() => publish(created, 'orders.7')).toBe(200)
  expect(await publish(created, 'chat.1')).toBe(403)
})

it('answers the tester from the server', async () => {
  const { page } = tab
  await act(page, 'orders', 'Test what it may do')
  const tester = dialog(page, 'Test orders')
  await tester.getByLabel('Channel', { exact: true }).fill('orders.7')
  await tester.getByText('Yes, by row 1.').waitFor()
  await tester.getByLabel('Can this key').selectOption('subscribe')
  await tester.getByText('No.').waitFor()
  await page.keyboard.press('Escape')
})

it('is edited, and does what it says then', async () => {
  const { page } = tab
  await act(page, 'orders', 'Edit key')
  const drawer = dialog(page, 'Edit orders')
  await drawer.getByLabel('Channel pattern of row 1').fill('shop.*')
  await drawer.getByLabel('Expires').selectOption('30')
  await drawer.getByRole('button', { name: 'Save' }).click()
  await drawer.waitFor({ state: 'detached' })
  const row = page.getByRole('row').filter({ hasText: created.id })
  await row.getByText('publish on shop.*').waitFor()
  await row.getByText('in 29 days').waitFor()
  await expect.poll(() => publish(created, 'shop.7')).toBe(200)
  expect(await publish(created, 'orders.7')).toBe(403)
  await act(page, 'orders', 'Edit key')
  await drawer.getByLabel('Channel pattern of row 1').fill('orders.*')
  await drawer.getByLabel('Expires').selectOption('never')
  await drawer.getByRole('button', { name: 'Save' }).click()
  await row.getByText('publish on orders.*').waitFor()
  await expect.poll(() => publish(created, 'orders.7')).toBe(200)
})

it('is rotated: both work until the overlap is over', async () => {
  const { page } = tab
  await act(page, 'orders', 'Rotate key')
  await dialog(page, 'Rotate orders').getByRole('radio', { name: '1 hour' }).check()
  await dialog(page, 'Rotate orders').getByRole('button', { name: 'Rotate key' }).click()
  rotated = await secretIn(page, 'Key rotated')
  await dialog(page, 'Key rotated')
    .getByText(/The old key works until/)
    .waitFor()
  await dialog(page, 'Key rotated').getByRole('button', { name: 'I stored it' }).click()
  expect(rotated.id).not.toBe(created.id)
  await expect.poll(() => publish(rotated, 'orders.7')).toBe(200)
  expect(await publish(created, 'orders.7')).toBe(200)
  await page.getByRole('row').filter({ hasText: created.id }).getByText('replaced by').waitFor()
})

it('is revoked after its name is typed, and refused within two seconds', async () => {
  const { page } = tab
  await page.getByRole('row').filter({ hasText: rotated.id }).getByRole('button', { name: 'More for orders' }).click()
  await page.getByRole('menuitem', { name: 'Revoke key' }).click()
  const question = dialog(page, 'Revoke orders?')
  await question.getByRole('textbox').fill('order')
  await question.getByRole('button', { name: 'Revoke key' }).click()
  await question.getByText('That is not “orders”.').waitFor()
  await question.getByRole('textbox').fill('orders')
  await question.getByRole('button', { name: 'Revoke key' }).click()
  await page.getByText(rotated.id).waitFor({ state: 'detached' })
  await expect.poll(() => publish(rotated, 'orders.7'), { timeout: 2_500 }).toBe(401)
  expect(await publish(created, 'orders.7')).toBe(200)
})

it('an address leads straight to the drawer', async () => {
  const { page } = tab
  await page.goto(`${dashboardUrl}/apps/${appIdOf(page)}/keys?create=key`)
  await dialog(page, 'Create key').waitFor()
  await page.keyboard.press('Escape')
  await page.waitForURL('**/keys')
  expectNoErrors(tab)
  await tab.close()
})

async function act(page: Page, key: string, action: string): Promise<void> {
  await page
    .getByRole('button', { name: `More for ${key}` })
    .first()
    .click()
  await page.getByRole('menuitem', { name: action }).click()
}

async function secretIn(page: Page, title: string): Promise<{ id: string; secret: string }> {
  const codes = dialog(page, title).locator('dd code')
  await codes.first().waitFor()
  const [id = '', secret = ''] = await codes.allTextContents()
  expect(secret).toMatch(/^[0-9A-Za-z]{43}$/)
  return { id, secret }
}

async function publish({ id, secret }: { id: string; secret: string }, channel: string): Promise<number> {
  const answer = await fetch(`${edgeUrl}/v1/channels/${channel}/messages`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${id}:${secret}`)}`, 'content-type': 'application/json' },
    body: '{"event":"message","data":1}',
  })
  return answer.status
}
