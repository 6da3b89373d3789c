/** From the form to the first message: two actions. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { expectNoErrors, launch, openTab } from './support/browser'
import { latencyOf, live, messages, newEmail, PASSWORD } from './support/walk'

const dashboardUrl = inject('dashboardUrl')
let browser: Browser

beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

it('sign-up leads to a live channel, and Send to a message with its latency', async () => {
  const tab = await openTab(browser)
  const { page } = tab
  await page.goto(dashboardUrl)
  await page.waitForURL('**/sign-up')
  await page.getByLabel('E-mail').fill(newEmail())
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)

  const started = performance.now()
  await page.getByRole('button', { name: 'Create account' }).click() // The first action.
  await live(page)
  await page.getByText('Waiting for your first message… run the curl line or press Send').waitFor()
  await page.getByRole('button', { name: 'Send' }).click() // The second.
  const latency = await latencyOf(page, '{"text":"hello"}')
  const whole = performance.now() - started

  console.log(`sign-up to first message: ${Math.round(whole)} ms, of which the message took ${latency} ms`)
  expect(whole).toBeLessThan(10_000)
  expect(latency).toBeLessThan(1_000)
  expect(await messages(page).count()).toBe(1)
  await page.getByRole('listitem').filter({ hasText: 'First message (done)' }).waitFor()
  expectNoErrors(tab)
  await tab.close()
})

it('is done without a mouse, and the message is still there after a reload', async () => {
  const tab = await openTab(browser)
  const { page } = tab
  await page.goto(`${dashboardUrl}/sign-up`)
  await page.getByLabel('E-mail').waitFor()
  await page.keyboard.type(newEmail())
  await page.keyboard.press('Tab')
  await page.keyboard.type(PASSWORD)
  await page.keyboard.press('Enter')
  await live(page)
  const send = page.getByRole('button', { name: 'Send' })
  await pressTabUntil(page, () => send.evaluate((button) => button === document.activeElement))
  await page.keyboard.press('Enter')
  await latencyOf(page, '{"text":"hello"}')

  await page.reload()
  await live(page)
  await messages(page).filter({ hasText: 'sent earlier' }).first().waitFor()
  expectNoErrors(tab)
  await tab.close()
})

async function pressTabUntil(page: import('playwright-core').Page, reached: () => Promise<boolean>): Promise<void> {
  for (let presses = 0; presses < 25; presses += 1) {
    await page.keyboard.press('Tab')
    if (await reached()) return
  }
  throw new Error('not reached with 25 presses of Tab')
}
