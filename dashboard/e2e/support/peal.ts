/** Starts `peal dev` on free ports with nothing kept, and stops it. `PEAL_BIN` names the binary. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface RunningPeal {
  dashboardUrl: string
  edgeUrl: string
  stop: () => Promise<void>
}

const START_MS_MAX = 30_000

export async function startPeal(): Promise<RunningPeal> {
  const binary = process.env.PEAL_BIN ?? fileURLToPath(new URL('../../../target/debug/peal', import.meta.url))
  const folder = mkdtempSync(join(tmpdir(), 'peal-e2e-'))
  const readyFile = join(folder, 'ready.json')
  const [edge, api, admin] = await freePorts(3)
  const flags = [
    '--edge-addr',
    `127.0.0.1:${edge}`,
    '--api-addr',
    `127.0.0.1:${api}`,
    '--admin-addr',
    `127.0.0.1:${admin}`,
  ]
  const child = spawn(binary, ['dev', '--ephemeral', '--ready-file', readyFile, ...flags], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk))
  const failed = new Promise<never>((_, reject) => {
    child.on('error', (error) => reject(new Error(`${binary} does not start: ${error.message}`)))
    child.on('exit', (code) => reject(new Error(`${binary} ended with ${code} before it was ready:\n${output}`)))
  })
  failed.catch(() => {})
  await Promise.race([ready(readyFile, () => output), failed])
  const { edge_url, dashboard } = JSON.parse(readFileSync(readyFile, 'utf8'))
  return {
    edgeUrl: edge_url,
    dashboardUrl: new URL(dashboard.url).origin,
    stop: async () => {
      await stop(child)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function ready(file: string, output: () => string): Promise<void> {
  const end = Date.now() + START_MS_MAX
  while (!existsSync(file) || readFileSync(file, 'utf8').trim() === '') {
    if (Date.now() > end) throw new Error(`peal dev was not ready after ${START_MS_MAX} ms:\n${output()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(force)
}

/** Ports that were free a moment ago, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
