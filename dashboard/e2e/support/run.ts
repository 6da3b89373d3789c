/** Runs what a person would paste, and fails with its output when it fails. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'

/** Inside the dashboard, so that `require('pusher')` finds the library as it would after `npm install pusher`. */
export const WORK = fileURLToPath(new URL('../.work/', import.meta.url))

export async function run(command: string, args: string[], seconds = 20): Promise<string> {
  mkdirSync(WORK, { recursive: true })
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd: WORK, timeout: seconds * 1_000 })
    return stdout
  } catch (error) {
    const { message, stdout, stderr } = error as Error & { stdout?: string; stderr?: string }
    throw new Error(`${message}\n${stdout ?? ''}\n${stderr ?? ''}`)
  }
}

export function save(name: string, text: string): string {
  mkdirSync(WORK, { recursive: true })
  writeFileSync(WORK + name, text)
  return WORK + name
}

/** What a page offers as a file, as text. */
export async function saveDownload(page: Page, start: () => Promise<void>): Promise<string> {
  const [download] = await Promise.all([page.waitForEvent('download'), start()])
  return readFileSync(await download.path(), 'utf8')
}
