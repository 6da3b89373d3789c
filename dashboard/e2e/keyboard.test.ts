/** Through the main pages without a mouse: the palette, single keys, and the way into a page's first control. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { expectNoErrors, launch, openTab, type Tab } from './support/browser'
import { signUp } from './support/walk'

const dashboardUrl = inject('dashboardUrl')
let browser: Browser
let tab: Tab

beforeAll(async () => {
  browser = await launch()
  tab = await openTab(browser)
  await signUp(tab.page, dashboardUrl)
})
afterAll(() => browser.close())

it('single keys lead to the pages, and the focus goes into them', async () => {
  const { page } = tab
  await page.locator('body').click({ position: { x: 640, y: 780 } })
  for (const [keys, heading] of [
    ['go', 'Overview'],
    ['gk', 'Keys'],
    ['gr', 'Rules'],
    ['gu', 'Usage'],
    ['gl', 'Limits'],
    ['ga', 'Apps'],
    ['gs', 'Settings'],
  ] as const) {
    await page.keyboard.type(keys)
    await page.getByRole('heading', { name: heading, exact: true }).waitFor()
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('main')
  }
})

it('the palette opens, finds, and gives the focus back', async () => {
  const { page } = tab
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').waitFor()
  await page.keyboard.type('create ke')
  await page.getByRole('option', { name: 'Create key', selected: true }).waitFor()
  await page.keyboard.press('Enter')
  await page.getByRole('dialog', { name: 'Create key' }).waitFor()
  await page.keyboard.type('typed at once')
  expect(await page.getByLabel('Name').inputValue()).toBe('typed at once')
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').waitFor()
  await page.keyboard.type('theme: dark')
  await page.keyboard.press('Enter')
  await expect.poll(() => page.locator('html').getAttribute('data-theme')).toBe('dark')
})

it('the sheet lists the keys and switches them off', async () => {
  const { page } = tab
  await page.keyboard.type('?')
  const sheet = page.getByRole('dialog', { name: 'Keyboard shortcuts' })
  await sheet.getByRole('switch').focus()
  await page.keyboard.press('Space')
  await page.keyboard.press('Escape')
  await sheet.waitFor({ state: 'detached' })
  await page.keyboard.type('gs')
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('heading', { name: 'Keys' }).waitFor()
  expectNoErrors(tab)
  await tab.close()
})
