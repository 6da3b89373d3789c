/** Every snippet on the welcome page works exactly as copied. */
import { existsSync } from 'node:fs'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { expectNoErrors, launch, openTab, type Tab } from './support/browser'
import { run, save, WORK } from './support/run'
import { copySnippet, latencyOf, messages, signUp } from './support/walk'

const dashboardUrl = inject('dashboardUrl')
const edgeUrl = inject('edgeUrl')
let browser: Browser
let tab: Tab

beforeAll(async () => {
  browser = await launch()
  tab = await openTab(browser)
  await signUp(tab.page, dashboardUrl)
})
afterAll(async () => {
  expectNoErrors(tab)
  await browser.close()
})

describe('the secret', () => {
  it('is neither in the page nor in the browser snippet until it is shown', async () => {
    const { page } = tab
    const secret = secretOf(await copySnippet(page, 'curl'))
    expect(secret).toMatch(/^[0-9A-Za-z]{43}$/)
    expect(await page.content()).not.toContain(secret)
    expect(await copySnippet(page, 'Browser')).not.toContain(secret)
    await page.getByRole('tab', { name: 'curl' }).click()
    await page.getByRole('button', { name: 'Show secret' }).click()
    expect(await page.getByTestId('snippet').textContent()).toContain(secret)
    await page.getByRole('button', { name: 'Hide secret' }).click()
    expect(await page.content()).not.toContain(secret)
  })

  it('is announced as copied', async () => {
    await copySnippet(tab.page, 'curl')
    expect(await tab.page.getByTestId('announcer').textContent()).toContain('Copied the curl snippet')
  })
})

describe('as pasted', () => {
  it('the curl line publishes from any shell', async () => {
    const line = await copySnippet(tab.page, 'curl')
    expect(line).toContain(`${edgeUrl}/v1/channels/hello/messages`)
    const answer = JSON.parse(await run('bash', ['-c', line]))
    expect(answer.id).toBeTypeOf('string')
    expect(await latencyOf(tab.page, '{"text":"hello from curl"}')).toBeLessThan(1_000)
    await tab.page.getByRole('listitem').filter({ hasText: 'A message from your code (done)' }).waitFor()
  })

  it('the Node snippet publishes with the official Pusher library', async () => {
    const file = save('hello.cjs', await copySnippet(tab.page, 'Node'))
    expect(await run('node', [file])).toBe('sent 200\n')
    expect(await latencyOf(tab.page, '{"text":"hello from Node"}')).toBeLessThan(1_000)
  })

  it('the Python snippet publishes with the official Pusher library', async () => {
    const file = save('hello.py', await copySnippet(tab.page, 'Python'))
    expect(await run(await pythonWithPusher(), [file])).toBe('sent\n')
    expect(await latencyOf(tab.page, 'hello from Python')).toBeLessThan(1_000)
  }, 120_000)

  it('the browser snippet receives in a page opened from disk', async () => {
    const file = save('hello.html', await copySnippet(tab.page, 'Browser'))
    const other = await openTab(browser)
    await other.page.goto(`file://${file}`)
    // The snippet's own subscription, so that Send is not earlier than it.
    await other.page.evaluate("peal.channel('hello').subscribe()")
    await tab.page.getByLabel(/^Publish to/).fill('{"text":"to the browser"}')
    await tab.page.getByRole('button', { name: 'Send' }).click()
    await other.page.getByText('{"text":"to the browser"}').waitFor()
    expectNoErrors(other)
    await other.close()
  })
})

it('the language chosen last is remembered', async () => {
  const { page } = tab
  await page.getByRole('tab', { name: 'Python' }).click()
  await page.reload()
  await page.getByRole('tab', { name: 'Python', selected: true }).waitFor()
})

it('broken JSON is refused in the field, in words', async () => {
  const { page } = tab
  await messages(page).first().waitFor()
  const before = await messages(page).count()
  const field = page.getByLabel(/^Publish to/)
  await field.fill('hello')
  await page.getByRole('button', { name: 'Send' }).click()
  const described = await field.getAttribute('aria-describedby')
  expect(await page.locator(`[id="${described}"]`).textContent()).toBe(
    'This is not valid JSON. Text needs double quotes: "hello"',
  )
  expect(await messages(page).count()).toBe(before)
})

function secretOf(line: string): string | undefined {
  return /-u \w+:(\w+)/.exec(line)?.[1]
}

async function pythonWithPusher(): Promise<string> {
  const python = `${WORK}venv/bin/python`
  if (!existsSync(`${WORK}venv/ready`)) {
    // Debian has Python without these two unless python3-venv is installed.
    await run('python3', ['-c', 'import ensurepip, venv']).catch(() => {
      throw new Error('Python 3 with venv is missing. Install it: apt-get install python3-venv')
    })
    await run('python3', ['-m', 'venv', `${WORK}venv`], 60)
    await run(python, ['-m', 'pip', 'install', '--quiet', 'pusher==3.3.4'], 100)
    save('venv/ready', '')
  }
  return python
}
