/** Rules: added, ordered by mouse and by keyboard, tried, saved, and saved by two people at once. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { expectNoErrors, launch, openTab, type Tab } from './support/browser'
import { dialog, goTo, signUp } from './support/walk'

const dashboardUrl = inject('dashboardUrl')
let browser: Browser
let tab: Tab

beforeAll(async () => {
  browser = await launch()
  tab = await openTab(browser)
  await signUp(tab.page, dashboardUrl)
  await goTo(tab.page, 'Rules')
})
afterAll(() => browser.close())

it('are added, ordered, tried with the changes unsaved, and saved', async () => {
  const { page } = tab
  await add(page, 'chat.*')
  await add(page, 'chat.vip', async (drawer) => {
    await drawer.getByRole('switch', { name: 'Client events' }).check()
    await drawer.getByLabel('A publish is answered').selectOption('replicated')
    await drawer.getByText('the publisher is told to repeat it').waitFor()
  })
  expect(await order(page)).toEqual(['chat.*', 'chat.vip'])

  const tester = page.getByLabel('Which rule decides about')
  await tester.fill('private-chat.vip')
  await winner(page, 'Rule 1, chat.*')
  await page.getByRole('button', { name: 'Move chat.vip up' }).press('Enter')
  expect(await order(page)).toEqual(['chat.vip', 'chat.*'])
  await winner(page, 'Rule 1, chat.vip')
  await tester.fill('news')
  await winner(page, 'Default rule')

  await page
    .getByTitle('Drag to reorder')
    .nth(1)
    .dragTo(page.getByRole('listitem', { name: 'Rule 1, chat.vip' }))
  expect(await order(page)).toEqual(['chat.*', 'chat.vip'])
  await page
    .getByTitle('Drag to reorder')
    .nth(1)
    .dragTo(page.getByRole('listitem', { name: 'Rule 1, chat.*' }))
  expect(await order(page)).toEqual(['chat.vip', 'chat.*'])

  await save(page)
  await page.reload()
  await page.getByRole('listitem', { name: 'Default rule' }).waitFor()
  expect(await order(page)).toEqual(['chat.vip', 'chat.*'])
  await page.getByRole('listitem', { name: 'Rule 1, chat.vip' }).getByText('confirmed by a replica').waitFor()
})

it('that somebody else saved meanwhile are told, and nothing is lost', async () => {
  const { page } = tab
  const other = await openTab(browser, { storageState: await page.context().storageState() })
  await other.page.goto(page.url())
  await add(other.page, 'theirs')
  await save(other.page)
  await other.close()

  await add(page, 'mine')
  await page.getByRole('button', { name: 'Save rules' }).click()
  const conflict = page.getByRole('region', { name: 'Somebody else saved these rules' })
  await conflict.getByText('They added theirs.').waitFor()
  expect(await order(page)).toEqual(['chat.vip', 'chat.*', 'mine'])
  await conflict.getByRole('button', { name: 'Take theirs, drop mine' }).click()
  await expect.poll(() => order(page)).toEqual(['chat.vip', 'chat.*', 'theirs'])
  expectNoErrors(tab, ['409 /rules'])
})

it('that are not saved are not left by accident', async () => {
  const { page } = tab
  await page.getByRole('button', { name: 'Move theirs up' }).click()
  await page.getByRole('link', { name: 'Keys', exact: true }).click()
  await dialog(page, 'Leave without saving?').getByRole('button', { name: 'Stay here' }).click()
  expect(await order(page)).toEqual(['chat.vip', 'theirs', 'chat.*'])
  await page.getByRole('button', { name: 'Discard' }).click()
  await goTo(page, 'Keys')
  await tab.close()
})

async function add(page: Page, pattern: string, more?: (drawer: ReturnType<typeof dialog>) => Promise<void>) {
  await page.getByRole('button', { name: 'Add rule' }).click()
  const drawer = dialog(page, 'Add rule')
  await drawer.getByLabel('Channel pattern').fill(pattern)
  await more?.(drawer)
  await drawer.getByRole('button', { name: 'Add to the list' }).click()
  await drawer.waitFor({ state: 'detached' })
}

async function save(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Save rules' }).click()
  await page.getByRole('button', { name: 'Save rules' }).waitFor({ state: 'detached' })
}

async function winner(page: Page, name: string): Promise<void> {
  await page.locator('[data-winner]').and(page.getByRole('listitem', { name })).waitFor()
}

function order(page: Page): Promise<string[]> {
  return page.locator('li[aria-label^="Rule "] p code').allTextContents()
}
