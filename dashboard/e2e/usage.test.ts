/** A known mix over both protocols, read back from the pages to the unit. */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import Pusher from 'pusher'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import {
  expectAccessible,
  expectFitsWidth,
  expectNoErrors,
  launch,
  openTab,
  screenshot,
  type Tab,
} from './support/browser'
import { run, saveDownload } from './support/run'
import { appIdOf, copySnippet, goTo, signUp } from './support/walk'

const dashboardUrl = inject('dashboardUrl')
const edgeUrl = inject('edgeUrl')
const SDK = fileURLToPath(new URL('../../sdk-js/dist/peal.js', import.meta.url))
const PUSHER_JS = createRequire(import.meta.url).resolve('pusher-js/dist/web/pusher.js')

// On `mix`, where both clients listen: three native publishes, four Pusher triggers, and one of a trigger on two channels.
const ON_MIX = 3 + 4 + 1
// On `other`, where the Pusher client alone listens.
const ON_OTHER = 1
const MESSAGES_IN = ON_MIX + ON_OTHER
const MESSAGES_OUT = ON_MIX * 2 + ON_OTHER
const CONNECTIONS = 2
/** How soon the traffic must show. */
const MESSAGES_MS = 10_000
const CONNECTIONS_MS = 20_000

let browser: Browser
let tab: Tab
let clients: Tab
let appId: string
let sentAt: number

beforeAll(async () => {
  browser = await launch()
  tab = await openTab(browser)
  await signUp(tab.page, dashboardUrl)
  const curl = await copySnippet(tab.page, 'curl')
  const [, keyId = '', secret = ''] = /-u (\w+):(\w+)/.exec(curl) ?? []
  await goTo(tab.page, 'Overview')
  appId = appIdOf(tab.page)
  await tab.page.getByText('No traffic yet.').waitFor()
  clients = await openTab(browser)
  await listen(clients.page, keyId)
  await send(keyId, secret)
  sentAt = Date.now()
})
afterAll(() => browser.close())

it('is on the usage page exactly, and in time', async () => {
  const { page } = tab
  await goTo(page, 'Usage')
  const incoming = await reaches(page, 'Total', MESSAGES_IN)
  await page.getByRole('tab', { name: 'Messages out' }).click()
  const outgoing = await reaches(page, 'Total', MESSAGES_OUT)
  await page.getByRole('tab', { name: 'Connections' }).click()
  const connections = await reaches(page, 'Peak', CONNECTIONS)
  console.log(`after the traffic: messages in ${incoming} ms, out ${outgoing} ms, connections ${connections} ms`)
  expect(Math.max(incoming, outgoing)).toBeLessThan(MESSAGES_MS)
  expect(connections).toBeLessThan(CONNECTIONS_MS)
  await page.getByText('complete to').waitFor()
})

it('shows on the overview while somebody looks, without a reload', async () => {
  const { page } = tab
  await goTo(page, 'Overview')
  const month = page.locator('[data-tile^="Messages in "]')
  await month.getByText(String(MESSAGES_IN + MESSAGES_OUT), { exact: true }).waitFor()
  const connections = page.locator('[data-tile="Connections now"]')
  await connections.getByText(String(CONNECTIONS), { exact: true }).waitFor()
  const steps = page.getByRole('region', { name: 'First steps' })
  await expect.poll(() => steps.getByText('(done)').count()).toBe(3)
})

it('is the same for 24 hours and 30 days, as a table and as CSV', async () => {
  const { page } = tab
  await goTo(page, 'Usage')
  await page.getByRole('tab', { name: 'Messages out' }).click()
  for (const range of ['24 hours', '30 days']) {
    await page.getByRole('radio', { name: range }).click()
    await page.getByRole('img', { name: new RegExp(`${MESSAGES_OUT} in all`) }).waitFor()
    await reaches(page, 'Total', MESSAGES_OUT)
  }
  await page.getByRole('button', { name: 'View as table' }).click()
  const cells = page.getByRole('table', { name: 'Messages out in the last 30 days' }).locator('td')
  await cells.first().waitFor()
  expect(sum(await cells.allTextContents())).toBe(MESSAGES_OUT)

  const csv = await saveDownload(page, () => page.getByRole('button', { name: 'Download CSV', exact: true }).click())
  const [head, ...lines] = csv.trim().split('\r\n')
  expect(head).toBe('ts,messages_out')
  expect(sum(lines.map((line) => line.split(',')[1] ?? ''))).toBe(MESSAGES_OUT)
  expect(page.url()).toContain('metric=out')
  expect(page.url()).toContain('view=table')
})

it('is explained in the words of the code that counts', async () => {
  const { page } = tab
  await page.getByText('How is this counted?').click()
  await page.getByText(/1 for every message that a connection received/).waitFor()
})

it('is read value by value with the keyboard', async () => {
  const { page } = tab
  await page.goto(`${dashboardUrl}/apps/${appId}/usage?metric=out&range=day`)
  const chart = page.getByTestId('chart')
  await chart.focus()
  await page.keyboard.press('End')
  await page.getByText(/^\d\d:00: \d+ messages$/).waitFor()
  await page.keyboard.press('Home')
  await page.getByText(/^\d\d:00: 0 messages$/).waitFor()
})

describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
  it.each([1280, 360])('%i px', async (width) => {
    const viewport = { width, height: width === 360 ? 740 : 800 }
    const storageState = await tab.page.context().storageState()
    const looking = await openTab(browser, { colorScheme, viewport, storageState, reducedMotion: 'reduce' })
    const { page } = looking
    const check = async (name: string) => {
      await expectFitsWidth(page)
      if (colorScheme === 'light' || width === 1280) await expectAccessible(page)
      await screenshot(page, `${name}-${colorScheme}-${width}`)
    }
    await page.goto(`${dashboardUrl}/apps/${appId}`)
    await page.locator('[data-tile]').first().waitFor()
    await check('overview')
    for (const metric of colorScheme === 'light' ? ['in', 'connections'] : ['connections']) {
      await page.goto(`${dashboardUrl}/apps/${appId}/usage?metric=${metric}`)
      await page.locator('canvas').waitFor()
      await check(`usage-${metric}`)
    }
    await page.getByRole('button', { name: 'View as table' }).click()
    await page.getByText('How is this counted?').click()
    await check('usage-table')
    expectNoErrors(looking)
    await looking.close()
  })
})

it('is broken down by where it comes from, to the unit, once the minutes are over', async () => {
  const { page } = tab
  const parts = async (metric: string, by: string) => {
    await page.goto(`${dashboardUrl}/apps/${appId}/usage?metric=${metric}&range=hour&by=${by}`)
    await page.getByRole('region', { name: new RegExp(`by ${by}$`) }).waitFor()
    const rows = page.locator('[data-part]')
    await rows
      .first()
      .waitFor({ timeout: 2_000 })
      .catch(() => {})
    const cells = await rows.evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)))
    return cells.map(([label, value]) => `${label} ${value}`)
  }
  const outgoing = () => parts('out', 'protocol')
  await expect.poll(outgoing, { timeout: 90_000 }).toEqual([`Pusher ${ON_MIX + ON_OTHER}`, `Native ${ON_MIX}`])
  expect(await parts('in', 'transport')).toEqual([`HTTP ${MESSAGES_IN}`])
  expect(await parts('in', 'key')).toEqual([`First key ${MESSAGES_IN}`])
  expect(await parts('out', 'namespace')).toEqual([`no namespace ${MESSAGES_OUT}`])
  const csv = await saveDownload(page, () => page.getByRole('button', { name: 'Download CSV by namespace' }).click())
  expect(csv).toBe(`namespace,messages_out\r\n"",${MESSAGES_OUT}\r\n`)
  await expectAccessible(page)
  await screenshot(page, 'usage-breakdown')
}, 120_000)

it('reported no error', async () => {
  expectNoErrors(tab)
  await Promise.all([tab.close(), clients.close()])
})

/** One native connection and one of the Pusher protocol, in a browser. */
async function listen(page: Page, keyId: string): Promise<void> {
  await page.addScriptTag({ path: SDK })
  await page.addScriptTag({ path: PUSHER_JS })
  const { hostname, port } = new URL(edgeUrl)
  await page.evaluate(
    async ({ edgeUrl, hostname, port, keyId }) => {
      // biome-ignore lint/suspicious/noExplicitAny: both libraries define themselves in the page, without types here.
      const { Peal, Pusher } = window as any
      const heard: string[] = []
      Object.assign(window, { heard })
      const peal = Peal.connect({ url: edgeUrl, key: keyId })
      peal.channel('mix').on('message', () => heard.push('native mix'))
      await peal.channel('mix').subscribe()
      const pusher = new Pusher(keyId, {
        cluster: '',
        wsHost: hostname,
        wsPort: port,
        forceTLS: false,
        enabledTransports: ['ws'],
      })
      const subscribed = (channel: string) =>
        new Promise((resolve) => {
          pusher.subscribe(channel).bind('pusher:subscription_succeeded', resolve)
          pusher.channel(channel).bind('message', () => heard.push(`pusher ${channel}`))
        })
      await Promise.all([subscribed('mix'), subscribed('other')])
    },
    { edgeUrl, hostname, port, keyId },
  )
}

async function send(keyId: string, secret: string): Promise<void> {
  const url = `${edgeUrl}/v1/channels/mix/messages`
  const body = '{"event":"message","data":{"from":"native"}}'
  for (let sent = 0; sent < 3; sent += 1) {
    await run('curl', ['-sf', '-u', `${keyId}:${secret}`, url, '-H', 'content-type: application/json', '-d', body])
  }
  const { hostname, port } = new URL(edgeUrl)
  const pusher = new Pusher({ appId, key: keyId, secret, host: hostname, port, useTLS: false })
  for (let sent = 0; sent < 4; sent += 1) await pusher.trigger('mix', 'message', { from: 'pusher' })
  await pusher.trigger(['mix', 'other'], 'message', { from: 'pusher' })
  await clients.page.waitForFunction(
    (all) => (window as unknown as { heard: string[] }).heard.length === all,
    MESSAGES_OUT,
  )
}

/** Waits until this stands under a name, and gives how long after the traffic that was. */
async function reaches(page: Page, name: string, expected: number): Promise<number> {
  const shown = page.locator(`[data-figure="${name}"] dd`)
  await shown.getByText(expected.toLocaleString('en-US'), { exact: true }).waitFor()
  return Date.now() - sentAt
}

function sum(texts: string[]): number {
  return texts.reduce((sum, text) => sum + Number(text.replaceAll(',', '')), 0)
}
