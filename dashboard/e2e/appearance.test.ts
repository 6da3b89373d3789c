/** Every page in both themes, wide and narrow: accessible, not wider than the screen, and pictured for a person to look at. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, inject, it } from 'vitest'
import {
  expectAccessible,
  expectFitsWidth,
  expectNoErrors,
  launch,
  openTab,
  screenshot,
  type Tab,
} from './support/browser'
import { run } from './support/run'
import { copySnippet, latencyOf, live, signUp } from './support/walk'

const dashboardUrl = inject('dashboardUrl')
let browser: Browser
let signedIn: Awaited<ReturnType<ReturnType<Page['context']>['storageState']>>

beforeAll(async () => {
  browser = await launch()
  const { page, close } = await openTab(browser)
  await signUp(page, dashboardUrl)
  signedIn = await page.context().storageState()
  await close()
})
afterAll(() => browser.close())

describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
  describe.each([1280, 360])('%i px', (width) => {
    const viewport = { width, height: width === 360 ? 740 : 800 }
    const check = async (page: Page, name: string) => {
      await expectFitsWidth(page)
      await expectAccessible(page)
      await screenshot(page, `${name}-${colorScheme}-${width}`)
    }

    it('public pages', async () => {
      const tab = await openTab(browser, { colorScheme, viewport, reducedMotion: 'reduce' })
      const { page } = tab
      await page.goto(`${dashboardUrl}/sign-up`)
      await page.getByRole('button', { name: 'Create account' }).click()
      await page.getByText('Enter your e-mail address.').waitFor()
      await page.getByLabel('Password', { exact: true }).fill('tidelampri')
      await check(page, 'sign-up')
      await page.goto(`${dashboardUrl}/sign-in`)
      await page.getByRole('heading', { name: 'Sign in' }).waitFor()
      await check(page, 'sign-in')
      await page.goto(`${dashboardUrl}/nowhere`)
      await page.getByRole('heading', { name: 'Nothing at this address' }).waitFor()
      await check(page, 'not-found')
      expectNoErrors(tab)
      await tab.close()
    })

    it('welcome', async () => {
      const tab = await openSignedIn({ colorScheme, viewport })
      const { page } = tab
      await page.goto(`${dashboardUrl}/welcome`)
      await live(page)
      if (colorScheme === 'light' && width === 1280) await check(page, 'welcome-waiting')
      await page.getByRole('button', { name: 'Send' }).click()
      await latencyOf(page, '{"text":"hello"}')
      await run('bash', ['-c', await copySnippet(page, 'curl')])
      await latencyOf(page, 'hello from curl')
      await page.evaluate(() => window.scrollTo(0, 0))
      await check(page, 'welcome')
      for (const language of ['Node', 'Python', 'Browser']) {
        await page.getByRole('tab', { name: language }).click()
        await check(page, `welcome-${language.toLowerCase()}`)
      }
      expectNoErrors(tab)
      await tab.close()
    })

    it('keys and menus', async () => {
      const tab = await openSignedIn({ colorScheme, viewport })
      const { page } = tab
      await page.goto(`${dashboardUrl}/welcome`)
      await live(page)
      if (width === 360) await page.getByRole('button', { name: 'Open navigation' }).click()
      await page.getByRole('button', { name: 'account menu' }).click()
      await page.getByRole('menuitem', { name: 'Sign out' }).waitFor()
      await check(page, 'account-menu')
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'app menu' }).click()
      await page.getByRole('menuitem', { name: 'Rename app' }).click()
      await check(page, 'rename-app')
      await page.keyboard.press('Escape')
      await page.getByRole('navigation', { name: 'App' }).getByRole('link', { name: 'Keys' }).click()
      await page.getByRole('heading', { name: 'Keys' }).waitFor()
      await page
        .getByRole('button', { name: /^Reveal secret of/ })
        .first()
        .click()
      await page.getByRole('button', { name: 'Copy .env lines' }).waitFor()
      await check(page, 'keys')
      expectNoErrors(tab)
      await tab.close()
    })
  })
})

function openSignedIn(options: {
  colorScheme: 'light' | 'dark'
  viewport: { width: number; height: number }
}): Promise<Tab> {
  return openTab(browser, { ...options, reducedMotion: 'reduce', storageState: signedIn })
}
