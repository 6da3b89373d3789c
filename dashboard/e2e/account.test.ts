/** Signing up, out and in again, refusals, keys, and what happens when the server goes away. */
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { expectNoErrors, launch, openTab, type Tab } from './support/browser'
import { startPeal } from './support/peal'
import { latencyOf, live, PASSWORD, signUp } from './support/walk'

const dashboardUrl = inject('dashboardUrl')
let browser: Browser
let tab: Tab
let email: string

beforeAll(async () => {
  browser = await launch()
  tab = await openTab(browser)
  email = await signUp(tab.page, dashboardUrl)
})
afterAll(() => browser.close())

it('sign-out leads to sign-in, and the pages behind it are closed', async () => {
  const { page } = tab
  await page.getByRole('button', { name: 'account menu' }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.waitForURL('**/sign-in')
  await page.goto(`${dashboardUrl}/welcome`)
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await page.goto(dashboardUrl)
  await page.waitForURL('**/sign-in')
})

it('a wrong password is said at the field; the right one goes on to the page that was asked for', async () => {
  const { page } = tab
  await page.goto(`${dashboardUrl}/apps/1/keys`)
  await page.waitForURL('**/sign-in?next=*')
  await page.getByLabel('E-mail').fill(email)
  const password = page.getByLabel('Password', { exact: true })
  await password.fill('not the password')
  await page.keyboard.press('Enter')
  await page.getByText('E-mail or password is wrong.').waitFor()
  expect(await password.getAttribute('aria-invalid')).toBe('true')
  expect(await describedBy(page, password)).toBe('E-mail or password is wrong.')

  await page.goto(`${dashboardUrl}/sign-in?next=/welcome`)
  await page.getByLabel('E-mail').fill(email)
  await password.fill(PASSWORD)
  await page.keyboard.press('Enter')
  await live(page)
  await page.goto(`${dashboardUrl}/sign-in`)
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
})

it('the keys page reveals the secret of a key and hides it again', async () => {
  const { page } = tab
  await page.getByRole('link', { name: 'Keys', exact: true }).click()
  await page
    .getByRole('button', { name: /^Reveal secret of/ })
    .first()
    .click()
  const secret = page.locator('code').filter({ hasText: /^[0-9A-Za-z]{43}$/ })
  await secret.waitFor()
  await page.getByRole('button', { name: /^Hide secret of/ }).click()
  await secret.waitFor({ state: 'detached' })
})

it('the theme is chosen in the account menu and kept', async () => {
  const { page } = tab
  const theme = () => page.locator('html').getAttribute('data-theme')
  await page.getByRole('button', { name: 'account menu' }).click()
  await page.getByRole('menuitemradio', { name: 'Dark' }).click()
  expect(await theme()).toBe('dark')
  await page.reload()
  expect(await theme()).toBe('dark')
})

it('an address that leads nowhere says so', async () => {
  const { page } = tab
  for (const path of ['/no/such/page', '/apps/1/keys']) {
    await page.goto(dashboardUrl + path)
    await page.getByRole('heading', { name: 'Nothing at this address' }).waitFor()
  }
})

it('an e-mail that is taken and a common password are refused at their fields', async () => {
  const other = await openTab(browser)
  const { page } = other
  await page.goto(`${dashboardUrl}/sign-up`)
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByText('An account with this e-mail exists').waitFor()
  expect(await page.getByLabel('E-mail').getAttribute('aria-invalid')).toBe('true')
  await page.getByLabel('E-mail').fill('someone@example.com')
  const password = page.getByLabel('Password', { exact: true })
  await password.fill('password123')
  const refused = page.waitForResponse((response) => response.status() === 400)
  await page.getByRole('button', { name: 'Create account' }).click()
  const { name, detail } = await (await refused).json()
  expect(name).toBe('weak_password')
  await expect.poll(() => describedBy(page, password)).toContain(detail)
  expectNoErrors(other, ['409 /api/v1/auth/sign-up', '400 /api/v1/auth/sign-up'])
  await other.close()
})

it('reported no error but the refusals above', async () => {
  expectNoErrors(tab, ['401 /api/v1/session', '401 /api/v1/auth/sign-in'])
  await tab.close()
})

it('says that it is offline when the server goes away', async () => {
  const peal = await startPeal()
  const other = await openTab(browser)
  const { page } = other
  await signUp(page, peal.dashboardUrl)
  await page.getByRole('button', { name: 'Send' }).click()
  await latencyOf(page, '{"text":"hello"}')
  await peal.stop()
  await page.getByRole('heading', { name: 'Not connected to hello' }).waitFor()
  await page.getByText('next try in').waitFor()
  await page.getByRole('button', { name: 'Try now' }).waitFor()
  // What arrived stays on screen.
  await page.getByText('{"text":"hello"}').first().waitFor()
  await other.close()
})

/** What a screen reader says about a field after its name. */
async function describedBy(page: Page, field: Locator): Promise<string> {
  const ids = ((await field.getAttribute('aria-describedby')) ?? '').split(' ')
  const texts = await Promise.all(ids.map((id) => page.locator(`[id="${id}"]`).textContent()))
  return texts.join(' ').trim()
}
