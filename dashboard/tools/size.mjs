/**
 * Fails when a page would download more JavaScript than its budget: what `index.html` loads at once (the entry and everything it
 * imports statically), and each route's chunk. Gzipped sizes of `dist`, so build first.
 */
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const INITIAL_KB_MAX = 170
const ROUTE_KB_MAX = 60

const dist = new URL('../dist/', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('manifest.json', dist), 'utf8'))
const entry = Object.keys(manifest).find((name) => manifest[name].isEntry)
const size = (chunk) => gzipSync(readFileSync(new URL(manifest[chunk].file, dist)), { level: 9 }).length / 1024

function closure(chunk, seen = new Set()) {
  if (seen.has(chunk)) return seen
  seen.add(chunk)
  for (const imported of manifest[chunk].imports ?? []) closure(imported, seen)
  return seen
}

const initial = closure(entry)
const rows = [['initial', sum(initial), INITIAL_KB_MAX]]
for (const [name, chunk] of Object.entries(manifest)) {
  if (!chunk.isDynamicEntry) continue
  const own = [...closure(name)].filter((part) => !initial.has(part))
  rows.push([chunk.name ?? name, sum(own), ROUTE_KB_MAX])
}
// What the first page after sign-up needs in all, before anything can be sent.
const welcome = Object.keys(manifest).filter((name) => /routes\/(_app|_app\.welcome)\.tsx/.test(name))
const welcomeAll = new Set([...initial, ...welcome.flatMap((name) => [...closure(name)])])
rows.push(['/welcome in all', sum(welcomeAll), INITIAL_KB_MAX])

let failed = false
for (const [name, kb, max] of rows) {
  const over = kb > max
  failed ||= over
  console.log(`${over ? 'OVER' : 'ok  '} ${kb.toFixed(1).padStart(6)} KB gz of ${max}  ${name}`)
}
process.exitCode = failed ? 1 : 0

function sum(chunks) {
  return [...chunks]
    .filter((chunk) => manifest[chunk].file.endsWith('.js'))
    .reduce((total, chunk) => total + size(chunk), 0)
}
