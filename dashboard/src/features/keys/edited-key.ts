/** An existing key as the values of the form, and the changes to it that a filled-in form makes. */
import type { Key, KeyPatch } from '#/api/types'
import { rowsOf } from './capabilities'
import {
  effectiveCapabilities,
  expiryOf,
  type KeyForm,
  type Mistakes,
  mistakesOf,
  originsOf,
  PRESET_CAPABILITIES,
} from './new-key'

export function formOf(key: Key): KeyForm {
  const presets = Object.entries(PRESET_CAPABILITIES) as [keyof typeof PRESET_CAPABILITIES, Key['capabilities']][]
  const preset = presets.find(([, capabilities]) => same(capabilities, key.capabilities))?.[0] ?? 'custom'
  return {
    name: key.name,
    preset,
    rows: rowsOf(key.capabilities).map((row, at) => ({ ...row, id: at + 1 })),
    origins: key.allowed_origins.join('\n'),
    expiry: key.expires_at === null ? 'never' : 'date',
    date: key.expires_at === null ? '' : localDay(key.expires_at),
  }
}

/** What differs, and nothing else: whoever changes another field meanwhile keeps their change. */
export function patchOf(key: Key, form: KeyForm, now: number): KeyPatch {
  const before = formOf(key)
  const patch: KeyPatch = {}
  if (form.name.trim() !== key.name) patch.name = form.name.trim()
  const capabilities = effectiveCapabilities(form)
  if (!same(capabilities, effectiveCapabilities(before))) patch.capabilities = capabilities
  if (!same(originsOf(form.origins), key.allowed_origins)) patch.allowed_origins = originsOf(form.origins)
  if (expiryChanged(before, form)) patch.expires_at = expiryOf(form, now)
  return patch
}

/** An expiry that is left as it is may lie in the past. */
export function editMistakesOf(key: Key, form: KeyForm, now: number): Mistakes {
  const mistakes = mistakesOf(form, now)
  return expiryChanged(formOf(key), form) ? mistakes : { ...mistakes, date: undefined }
}

function expiryChanged(before: KeyForm, form: KeyForm): boolean {
  return form.expiry !== before.expiry || form.date !== before.date
}

function localDay(at: string): string {
  const date = new Date(at)
  const two = (part: number) => String(part).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

function same(one: unknown, two: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(two)
}
