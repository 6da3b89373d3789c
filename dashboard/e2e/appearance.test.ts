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
import { appIdOf, copySnippet, dialog, goTo, latencyOf, live, signUp } from './support/walk'

const dashboardUrl = inject('dashboardUrl')
let browser: Browser
let appId: string
let signedIn: Awaited<ReturnType<ReturnType<Page['context']>['storageState']>>

beforeAll(async () => {
  browser = await launch()
  const { page, close } = await openTab(browser)
  await signUp(page, dashboardUrl)
  signedIn = await page.context().storageState()
  await goTo(page, 'Keys')
  appId = appIdOf(page)
  await close()
})
afterAll(() => browser.close())

describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
  describe.each([1280, 360])('%i px', (width) => {
    const viewport = { width, height: width === 360 ? 740 : 800 }
    // Colours do not depend on the width, nor the structure on the theme: three of the four pairs show all there is. In the
    // fourth, only the pages themselves are pictured.
    const thorough = colorScheme === 'light' || width === 1280
    const check = async (page: Page, name: string) => {
      await expectFitsWidth(page)
      if (thorough) await expectAccessible(page)
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
      await check(page, 'welcome')
      for (const language of colorScheme === 'light' ? ['Node', 'Python', 'Browser'] : []) {
        await page.getByRole('tab', { name: language }).click()
        await check(page, `welcome-${language.toLowerCase()}`)
      }
      expectNoErrors(tab)
      await tab.close()
    })

    it('frame, palette and menus', async () => {
      const tab = await openSignedIn({ colorScheme, viewport })
      const { page } = tab
      await page.goto(`${dashboardUrl}/apps`)
      await page.getByRole('link', { name: 'My first app' }).last().waitFor()
      await check(page, 'apps')
      if (thorough) {
        await page.getByRole('button', { name: 'Create app' }).click()
        await dialog(page, 'Create app').waitFor()
        await check(page, 'create-app')
        await page.keyboard.press('Escape')
      }
      if (width === 360) await page.getByRole('button', { name: 'Open navigation' }).click()
      await page.getByRole('button', { name: 'account menu' }).click()
      await page.getByRole('menuitem', { name: 'Sign out' }).waitFor()
      await check(page, 'account-menu')
      await page.keyboard.press('Escape')
      if (thorough) {
        await page.getByRole('button', { name: 'app menu' }).click()
        await page.getByRole('menuitem', { name: 'Create app' }).waitFor()
        await check(page, 'app-menu')
        await page.keyboard.press('Escape')
      }
      if (width === 360) await page.keyboard.press('Escape')
      await page.keyboard.press('Control+k')
      await page.getByRole('combobox').fill('key')
      await check(page, 'palette')
      if (thorough) {
        await page.keyboard.press('Escape')
        await page.keyboard.type('?')
        await dialog(page, 'Keyboard shortcuts').waitFor()
        await check(page, 'shortcuts')
      }
      expectNoErrors(tab)
      await tab.close()
    })

    it('keys', async () => {
      const tab = await openSignedIn({ colorScheme, viewport })
      const { page } = tab
      await page.goto(`${dashboardUrl}/apps/${appId}/keys`)
      await page
        .getByRole('button', { name: /^Reveal secret of/ })
        .first()
        .click()
      await page.getByRole('button', { name: 'Copy .env lines' }).waitFor()
      await check(page, 'keys')
      await page.getByRole('button', { name: 'Create key' }).click()
      const drawer = dialog(page, 'Create key')
      await drawer.getByRole('radio', { name: 'Custom' }).check()
      await drawer.getByRole('button', { name: 'Add a row' }).click()
      await drawer.getByLabel('Channel', { exact: true }).fill('private-chat.42')
      await drawer.getByRole('button', { name: 'Create key' }).click()
      await drawer.getByText('Yes, by row 1').waitFor()
      await check(page, 'create-key')
      await page.keyboard.press('Escape')
      for (const action of thorough ? ['Edit key', 'Rotate key', 'Revoke key', 'Test what it may do'] : []) {
        await page.getByRole('button', { name: 'More for First key' }).click()
        await page.getByRole('menuitem', { name: action }).click()
        await page.getByRole('dialog').waitFor()
        await check(page, action.toLowerCase().replaceAll(' ', '-'))
        await page.keyboard.press('Escape')
      }
      expectNoErrors(tab)
      await tab.close()
    })

    it('rules and limits', async () => {
      const tab = await openSignedIn({ colorScheme, viewport })
      const { page } = tab
      await page.goto(`${dashboardUrl}/apps/${appId}/rules`)
      await page.getByRole('button', { name: 'Add rule' }).click()
      await dialog(page, 'Add rule').getByLabel('Channel pattern').fill('chat.*')
      await dialog(page, 'Add rule').getByRole('switch', { name: 'Client events' }).click()
      if (thorough) await check(page, 'rule-editor')
      await page.getByRole('button', { name: 'Add to the list' }).click()
      await page.getByLabel('Which rule decides about').fill('private-chat.42')
      await page.locator('[data-winner]').waitFor()
      await check(page, 'rules')
      await page.getByRole('button', { name: 'Discard' }).click()
      await page.goto(`${dashboardUrl}/apps/${appId}/limits`)
      await page.getByRole('row').nth(1).waitFor()
      await check(page, 'limits')
      if (thorough) {
        await page.getByRole('button', { name: 'Change Open connections' }).click()
        await dialog(page, 'Open connections').waitFor()
        await check(page, 'change-limit')
      }
      expectNoErrors(tab)
      await tab.close()
    })

    it('settings and the audit log', async () => {
      const tab = await openSignedIn({ colorScheme, viewport })
      const { page } = tab
      await page.goto(`${dashboardUrl}/apps/${appId}/settings`)
      await page.getByRole('heading', { name: 'App settings' }).waitFor()
      await check(page, 'app-settings')
      if (thorough) {
        await page.getByRole('button', { name: 'Pause app…' }).click()
        await dialog(page, 'Pause My first app?').waitFor()
        await check(page, 'pause-app')
      }
      await page.goto(`${dashboardUrl}/settings`)
      await page.getByText('this device').waitFor()
      await check(page, 'settings')
      await page.goto(`${dashboardUrl}/audit`)
      await page.getByRole('button', { name: 'Details of created the account' }).click()
      await check(page, 'audit-log')
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
