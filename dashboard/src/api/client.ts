/** The control-plane API, one function per operation. The session travels in an HttpOnly cookie, which no script sees. */
import createClient from 'openapi-fetch'
import { problemOf, unreachable, unreadable } from './problem'
import { reportReachable } from './reachability'
import type { paths } from './schema.gen'
import type {
  AppPatch,
  Capabilities,
  Environment,
  KeyPatch,
  Rules,
  Usage,
  UsageBreakdown,
  UsageDimension,
} from './types'

const http = createClient<paths>({
  baseUrl: window.location.origin,
  // Looked up at each call: the client would otherwise keep the one it met first, and tests could not put theirs in its place.
  fetch: (request) => globalThis.fetch(request),
})

export type Preset = 'full' | 'publish' | 'subscribe' | 'custom'

export interface NewKey {
  name: string
  preset: Preset
  /** With the custom preset only. */
  capabilities?: Capabilities
  allowed_origins: string[]
  expires_at: string | null
}

export interface NewApp {
  name: string
  environment: Environment
}

const ofApp = (app: string) => ({ params: { path: { app } } })
const ofKey = (app: string, key: string) => ({ params: { path: { app, key } } })

export const api = {
  signUp: (email: string, password: string) => answer(http.POST('/api/v1/auth/sign-up', { body: { email, password } })),
  signIn: (email: string, password: string) => answer(http.POST('/api/v1/auth/sign-in', { body: { email, password } })),
  signOut: () => answer(http.POST('/api/v1/auth/sign-out', { body: {} })),

  session: () => answer(http.GET('/api/v1/session')),
  sudo: (password: string) => answer(http.POST('/api/v1/session/sudo', { body: { password } })),
  changePassword: (body: { current: string; new: string }) => answer(http.PATCH('/api/v1/session/password', { body })),
  sessions: () => answer(http.GET('/api/v1/sessions')),
  endSession: (session: string) => answer(http.DELETE('/api/v1/sessions/{session}', { params: { path: { session } } })),
  endOtherSessions: () => answer(http.DELETE('/api/v1/sessions')),
  renameOrg: (name: string) => answer(http.PATCH('/api/v1/org', { body: { name } })),
  audit: (cursor: string | undefined) => answer(http.GET('/api/v1/audit', { params: { query: { cursor } } })),

  createApp: (body: NewApp, once: string) => answer(http.POST('/api/v1/apps', { body, headers: idempotent(once) })),
  patchApp: (app: string, body: AppPatch) => answer(http.PATCH('/api/v1/apps/{app}', { ...ofApp(app), body })),
  deleteApp: (app: string) => answer(http.DELETE('/api/v1/apps/{app}', ofApp(app))),
  limits: (app: string) => answer(http.GET('/api/v1/apps/{app}/limits', ofApp(app))),
  consoleToken: (app: string) => answer(http.POST('/api/v1/apps/{app}/console-token', { ...ofApp(app), body: {} })),

  keys: (app: string) =>
    // An app has at most this many.
    answer(http.GET('/api/v1/apps/{app}/keys', { params: { path: { app }, query: { limit: 100 } } })),
  createKey: (app: string, body: NewKey, once: string) =>
    answer(http.POST('/api/v1/apps/{app}/keys', { ...ofApp(app), body, headers: idempotent(once) })),
  patchKey: (app: string, key: string, body: KeyPatch) =>
    answer(http.PATCH('/api/v1/apps/{app}/keys/{key}', { ...ofKey(app, key), body })),
  revokeKey: (app: string, key: string) => answer(http.DELETE('/api/v1/apps/{app}/keys/{key}', ofKey(app, key))),
  revealKey: (app: string, key: string) =>
    answer(http.POST('/api/v1/apps/{app}/keys/{key}/reveal', { ...ofKey(app, key), body: {} })),
  rotateKey: (app: string, key: string, overlap_s: number, once: string) =>
    answer(
      http.POST('/api/v1/apps/{app}/keys/{key}/rotate', {
        ...ofKey(app, key),
        body: { overlap_s },
        headers: idempotent(once),
      }),
    ),
  testKey: (app: string, key: string, operation: string, channel: string) =>
    answer(http.POST('/api/v1/apps/{app}/keys/{key}/test', { ...ofKey(app, key), body: { operation, channel } })),

  // The address answers in two types; which one follows from what is accepted.
  usage: (app: string, query: UsageQuestion): Promise<Usage> =>
    answer(http.GET('/api/v1/apps/{app}/usage', { params: { path: { app }, query } })) as Promise<Usage>,
  usageCsv: (app: string, query: UsageQuestion): Promise<string> =>
    answer(
      http.GET('/api/v1/apps/{app}/usage', {
        params: { path: { app }, query },
        headers: { accept: 'text/csv' },
        parseAs: 'text',
      }),
    ),

  breakdown: (app: string, query: BreakdownQuestion): Promise<UsageBreakdown> =>
    answer(
      http.GET('/api/v1/apps/{app}/usage/breakdown', { params: { path: { app }, query } }),
    ) as Promise<UsageBreakdown>,
  breakdownCsv: (app: string, query: BreakdownQuestion): Promise<string> =>
    answer(
      http.GET('/api/v1/apps/{app}/usage/breakdown', {
        params: { path: { app }, query },
        headers: { accept: 'text/csv' },
        parseAs: 'text',
      }),
    ),
  usageNotes: (app: string) => answer(http.GET('/api/v1/apps/{app}/usage/notes', ofApp(app))),
  quota: () => answer(http.GET('/api/v1/quota')),

  rules: (app: string) => answer(http.GET('/api/v1/apps/{app}/rules', ofApp(app))),
  saveRules: (app: string, body: Rules) => answer(http.PUT('/api/v1/apps/{app}/rules', { ...ofApp(app), body })),
  testRules: (app: string, channel: string, rules: Pick<Rules, 'ordered' | 'default'>) =>
    answer(
      http.POST('/api/v1/apps/{app}/rules/test', {
        ...ofApp(app),
        body: { channel, ordered: rules.ordered, default: rules.default },
      }),
    ),
}

/** The same id with the same body gives the first answer again, for a day. */
function idempotent(id: string): { 'idempotency-key': string } {
  return { 'idempotency-key': id }
}

export interface UsageQuestion {
  metric: string
  from: string
  to: string
  resolution: 'minute' | 'hour' | 'day' | 'month'
}

export interface BreakdownQuestion {
  by: UsageDimension
  metric: string
  from: string
  to: string
}

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** @throws ApiProblem, and nothing else. */
async function answer<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call.catch((failure: unknown) => {
    // `fetch` itself fails with a TypeError; anything else is a body that is not the JSON it should be.
    const lost = failure instanceof TypeError
    reportReachable(!lost)
    throw lost ? unreachable() : unreadable()
  })
  reportReachable(true)
  if (!response.ok) throw problemOf(response, error)
  return data as T
}
