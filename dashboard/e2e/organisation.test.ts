/** Apps, this account's devices and password, the organisation's name, limits and the audit log. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { expectNoErrors, launch, openTab, type Tab } from './support/browser'
import { dialog, goTo, live, PASSWORD, signUp } from './support/walk'

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

it('a second app is created with its environment, and both are switched between', async () => {
  const { page } = tab
  await goTo(page, 'Apps')
  await page.getByRole('button', { name: 'Create app' }).click()
  await dialog(page, 'Create app').getByLabel('Name').fill('Shop')
  await dialog(page, 'Create app').getByRole('radio', { name: 'Production' }).check()
  await dialog(page, 'Create app').getByRole('button', { name: 'Create app' }).click()
  await live(page)
  await crumb(page, 'Shop')
  await goTo(page, 'Keys')
  await page.getByRole('button', { name: 'app menu' }).click()
  await page.getByRole('menuitemradio', { name: /My first app/ }).click()
  await crumb(page, 'My first app')
  await page.getByRole('heading', { name: 'Keys' }).waitFor()
  await page.getByRole('button', { name: 'app menu' }).click()
  await page.getByRole('menuitemradio', { name: /Shop/ }).click()
  await crumb(page, 'Shop')
})

it('an app is renamed, has its features switched, is paused and resumed, and deleted', async () => {
  const { page } = tab
  await goTo(page, 'App settings')
  await page.getByRole('textbox', { name: 'Name' }).fill('Book shop')
  await page.keyboard.press('Enter')
  await crumb(page, 'Book shop')

  const counts = page.getByRole('switch', { name: 'Subscription counts' })
  expect(await counts.isChecked()).toBe(false)
  const kept = page.waitForResponse((answer) => answer.request().postData()?.includes('features') ?? false)
  await counts.click()
  expect((await kept).status()).toBe(200)
  await page.reload()
  await page.getByRole('switch', { name: 'Subscription counts', checked: true }).waitFor()

  await page.getByRole('button', { name: 'Pause app…' }).click()
  await dialog(page, 'Pause Book shop?').getByRole('button', { name: 'Pause app' }).click()
  await page.getByText('This app is paused: its connections and publishes are refused.').waitFor()
  await page.getByText('Refused', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Resume app' }).click()
  await page.getByText('This app is paused', { exact: false }).first().waitFor({ state: 'detached' })

  await page.getByRole('button', { name: 'Delete app…' }).click()
  const question = dialog(page, 'Delete Book shop?')
  await question.getByRole('textbox').fill('Book shop')
  await question.getByRole('button', { name: 'Delete app' }).click()
  await page.getByRole('heading', { name: 'Apps' }).waitFor()
  await page.getByRole('main').getByText('Book shop').waitFor({ state: 'detached' })
})

it('another device is signed out', async () => {
  const { page } = tab
  const other = await openTab(browser, { userAgent: 'Mozilla/5.0 (Windows NT 10.0) Firefox/130.0' })
  await signIn(other.page, PASSWORD)
  await goTo(page, 'Settings')
  const devices = page.getByRole('region', { name: 'Devices' })
  await devices.getByRole('button', { name: /^Sign out Firefox on Windows/ }).click()
  await devices.getByText('Firefox on Windows').waitFor({ state: 'detached' })
  await other.page.reload()
  await other.page.waitForURL('**/sign-in?*')
  await other.close()
})

it('the password is changed, and only the new one opens the door', async () => {
  const { page } = tab
  const panel = page.getByRole('region', { name: 'Password' })
  const change = async (current: string, next: string) => {
    await panel.getByLabel('Present password').fill(current)
    await panel.getByLabel('New password').fill(next)
    await panel.getByRole('button', { name: 'Change password' }).click()
  }
  await change('not the password', 'another good one 44')
  await panel.getByText('That is not your password.').waitFor()
  await change(PASSWORD, 'another good one 44')
  await panel.getByText('Changed. Other devices are signed out.').waitFor()
  await page.reload()
  await page.getByRole('heading', { name: 'Settings' }).waitFor()
  const other = await openTab(browser)
  await signIn(other.page, 'another good one 44')
  await other.close()
})

it('the organisation is renamed, and the audit log tells all of it', async () => {
  const { page } = tab
  const panel = page.getByRole('region', { name: 'Organisation' })
  await panel.getByLabel('Name').fill('Chess Ltd')
  await panel.getByRole('button', { name: 'Rename' }).click()
  await crumb(page, 'Chess Ltd')
  await goTo(page, 'Audit log')
  const log = page.getByRole('list', { name: 'Events, newest first' })
  for (const said of ['renamed the organisation', 'changed the password of', 'deleted the app', 'created the app']) {
    await log.getByText(said).first().waitFor()
  }
  await log.getByRole('button', { name: 'Details of renamed the organisation' }).click()
  await log.getByText('Chess Ltd').waitFor()
})

it('limits are named with their values and their errors', async () => {
  const { page } = tab
  await goTo(page, 'Limits')
  await page.getByRole('row').filter({ hasText: 'Bytes of one message' }).getByText('64 KiB').waitFor()
  const row = page.getByRole('row').filter({ hasText: 'Open connections' })
  const error = row.getByRole('link', { name: 'connection_limit' })
  expect((await fetch(new URL((await error.getAttribute('href')) ?? '', dashboardUrl))).status).toBe(200)
  expectNoErrors(tab, ['401 /api/v1/session/password'])
  await tab.close()
})

async function signIn(page: Page, password: string): Promise<void> {
  await page.goto(`${dashboardUrl}/sign-in`)
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
}

async function crumb(page: Page, text: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Breadcrumb' }).getByText(text, { exact: true }).waitFor()
}
