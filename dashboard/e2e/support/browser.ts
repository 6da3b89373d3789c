/** Chromium, pages that remember what went wrong on them, and what the tests ask of every page. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { expect } from 'vitest'

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']
const SCREENSHOTS = fileURLToPath(new URL('../screenshots/', import.meta.url))

export interface Tab {
  page: Page
  /** Console errors and uncaught exceptions so far. */
  errors: string[]
  close: () => Promise<void>
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env.PEAL_CHROMIUM ?? '/usr/bin/chromium', args: ARGS })
}

/** A fresh browser profile with one page. The content security policy stays in force. */
export async function openTab(browser: Browser, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const errors: string[] = []
  page.on(
    'console',
    (message) => message.type() === 'error' && errors.push(`${message.text()} ${message.location().url}`),
  )
  page.on('pageerror', (error) => errors.push(error.message))
  return { page, errors, close: () => context.close() }
}

/** Fails on any error the page reported, except answers the test provoked, given as `"401 /api/v1/session"`. */
export function expectNoErrors(tab: Tab, provoked: string[] = []): void {
  const refusals = provoked.map((refusal) => refusal.split(' ') as [string, string])
  const unexpected = tab.errors.filter(
    (error) => !refusals.some(([status, path]) => error.includes(`status of ${status}`) && error.includes(path)),
  )
  expect(unexpected).toEqual([])
}

export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(AXE)
  const violations = await page.evaluate(async (tags) => {
    // biome-ignore lint/suspicious/noExplicitAny: axe defines itself in the page, without types here.
    const result = await (window as any).axe.run({ runOnly: tags })
    return result.violations.map((violation: { id: string; help: string; nodes: { target: string[] }[] }) => ({
      rule: violation.id,
      help: violation.help,
      where: violation.nodes.map((node) => node.target.join(' ')),
    }))
  }, AXE_TAGS)
  expect(violations).toEqual([])
}

/** No page may scroll sideways. */
export async function expectFitsWidth(page: Page): Promise<void> {
  expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0)
}

export async function screenshot(page: Page, name: string): Promise<void> {
  // A sticky header is pictured where it stands, which in the middle of a long page only confuses.
  await page.evaluate(() => window.scrollTo(0, 0))
  await page.screenshot({ path: `${SCREENSHOTS}${name}.png`, fullPage: true })
}
