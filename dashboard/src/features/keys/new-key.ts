/** The form for a key as values, what is wrong with them, and the request they make. */
import type { NewKey, Preset } from '#/api/client'
import type { Capabilities } from '#/api/types'
import { capabilitiesOf, type Row, rowMistakes } from './capabilities'

export const PRESETS: readonly { value: Preset; label: string; hint: string }[] = [
  { value: 'full', label: 'Server, full access', hint: 'Everything on every channel. For your own back end.' },
  {
    value: 'publish',
    label: 'Server, publish only',
    hint: 'Sends to every channel, reads nothing. For jobs and webhooks.',
  },
  {
    value: 'subscribe',
    label: 'Browser, subscribe only',
    hint: 'Reads every channel, with presence and history. Its id may stand in a page.',
  },
  { value: 'custom', label: 'Custom', hint: 'Choose the operations for each channel pattern.' },
]

export const PRESET_CAPABILITIES: Record<Exclude<Preset, 'custom'>, Capabilities> = {
  full: { '*': ['*'] },
  publish: { '*': ['publish'] },
  subscribe: { '*': ['subscribe', 'presence', 'history'] },
}

export const EXPIRIES = [
  { value: 'never', label: 'Never', days: null },
  { value: '7', label: 'In 7 days', days: 7 },
  { value: '30', label: 'In 30 days', days: 30 },
  { value: '90', label: 'In 90 days', days: 90 },
  { value: '365', label: 'In a year', days: 365 },
  { value: 'date', label: 'On a day…', days: null },
] as const

export interface KeyForm {
  name: string
  preset: Preset
  rows: readonly Row[]
  /** As typed: one origin per line. */
  origins: string
  expiry: (typeof EXPIRIES)[number]['value']
  /** `YYYY-MM-DD`, for the expiry `date`. */
  date: string
}

export const EMPTY_FORM: KeyForm = {
  name: '',
  preset: 'publish',
  rows: [{ id: 1, pattern: 'chat.*', operations: ['subscribe', 'publish'] }],
  origins: '',
  expiry: 'never',
  date: '',
}

export function effectiveCapabilities(form: KeyForm): Capabilities {
  return form.preset === 'custom' ? capabilitiesOf(form.rows) : PRESET_CAPABILITIES[form.preset]
}

export interface Mistakes {
  name?: string
  rows: Map<number, string>
  noRows?: string
  origins?: string
  date?: string
}

export function mistakesOf(form: KeyForm, now: number): Mistakes {
  const custom = form.preset === 'custom'
  return {
    name: form.name.trim() === '' ? 'Give the key a name, such as the service that will use it.' : undefined,
    rows: custom ? rowMistakes(form.rows) : new Map(),
    noRows: custom && form.rows.length === 0 ? 'Add at least one row.' : undefined,
    origins: originMistake(originsOf(form.origins)),
    date: form.expiry === 'date' && !(endOfDay(form.date) > now) ? 'Choose a day in the future.' : undefined,
  }
}

export function isRight(mistakes: Mistakes): boolean {
  const { rows, ...rest } = mistakes
  return rows.size === 0 && Object.values(rest).every((mistake) => mistake === undefined)
}

export function requestOf(form: KeyForm, now: number): NewKey {
  return {
    name: form.name.trim(),
    preset: form.preset,
    ...(form.preset === 'custom' && { capabilities: capabilitiesOf(form.rows) }),
    allowed_origins: originsOf(form.origins),
    expires_at: expiryOf(form, now),
  }
}

export function originsOf(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter((origin) => origin !== ''))]
}

function originMistake(origins: readonly string[]): string | undefined {
  const wrong = origins.find((origin) => !isOrigin(origin))
  return wrong && `“${wrong}” is not an origin. It looks like https://app.example.com, without a path.`
}

/** Scheme, host and port, as a browser sends it in `Origin`. */
function isOrigin(text: string): boolean {
  try {
    const url = new URL(text)
    return (url.protocol === 'https:' || url.protocol === 'http:') && url.origin === text
  } catch {
    return false
  }
}

export function expiryOf(form: KeyForm, now: number): string | null {
  if (form.expiry === 'date') return new Date(endOfDay(form.date)).toISOString()
  const days = EXPIRIES.find((expiry) => expiry.value === form.expiry)?.days
  return days ? new Date(now + days * 86_400_000).toISOString() : null
}

/** The last moment of that day where the person is; NaN for no day. */
function endOfDay(date: string): number {
  return Date.parse(`${date}T23:59:59`)
}
