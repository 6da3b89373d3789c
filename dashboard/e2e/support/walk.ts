/** Steps that several walks share, as a person does them. */
import { randomUUID } from 'node:crypto'
import type { Locator, Page } from 'playwright-core'

export const PASSWORD = 'tide lamp river 92'

export function newEmail(): string {
  return `ada-${randomUUID().slice(0, 8)}@example.com`
}

/** Fills in the sign-up form and leaves when the channel is live. */
export async function signUp(page: Page, dashboardUrl: string, email = newEmail()): Promise<string> {
  await page.goto(`${dashboardUrl}/sign-up`)
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Create account' }).click()
  await live(page)
  return email
}

/** Through the sidebar to a page of this name. */
export async function goTo(page: Page, name: string): Promise<void> {
  await page.getByRole('link', { name, exact: true }).first().click()
  await page.getByRole('heading', { name, exact: true, level: 1 }).waitFor()
}

export function dialog(page: Page, name: string): Locator {
  return page.getByRole('dialog', { name })
}

/** The app of the address. */
export function appIdOf(page: Page): string {
  const id = /\/apps\/(\d+)/.exec(page.url())?.[1]
  if (!id) throw new Error(`no app in ${page.url()}`)
  return id
}

/** Waits until the welcome page says that messages can arrive. */
export async function live(page: Page): Promise<void> {
  await page.getByRole('heading', { name: 'Your channel hello is live' }).waitFor()
}

export function messages(page: Page): Locator {
  return page.getByTestId('message')
}

/** Waits for a message with this text and gives its latency in ms. */
export async function latencyOf(page: Page, text: string): Promise<number> {
  const row = messages(page).filter({ hasText: text }).last()
  const shown = await row.getByTestId('latency').textContent()
  const match = /^arrived in (?:< )?([\d.]+) (ms|s)$/.exec(shown ?? '')
  if (!match) throw new Error(`not a latency: ${shown}`)
  return Number(match[1]) * (match[2] === 's' ? 1_000 : 1)
}

/** Presses Copy under a tab and gives what is then on the clipboard: the snippet with the real key and secret. */
export async function copySnippet(page: Page, tab: 'curl' | 'Node' | 'Python' | 'Browser'): Promise<string> {
  await page.getByRole('tab', { name: tab }).click()
  const button = page.getByRole('button', { name: `Copy the ${tab} snippet` })
  await button.click()
  await page.getByRole('button', { name: `Copied the ${tab} snippet` }).waitFor()
  return page.evaluate(() => navigator.clipboard.readText())
}
