/** The control-plane API, one function per operation. The session travels in an HttpOnly cookie, which no script sees. */
import createClient from 'openapi-fetch'
import { problemOf, unreachable, unreadable } from './problem'
import type { paths } from './schema.gen'

const http = createClient<paths>({
  baseUrl: window.location.origin,
  // Looked up at each call: the client would otherwise keep the one it met first, and tests could not put theirs in its place.
  fetch: (request) => globalThis.fetch(request),
})

export const api = {
  signUp: (email: string, password: string) => answer(http.POST('/api/v1/auth/sign-up', { body: { email, password } })),
  signIn: (email: string, password: string) => answer(http.POST('/api/v1/auth/sign-in', { body: { email, password } })),
  signOut: () => answer(http.POST('/api/v1/auth/sign-out', { body: {} })),
  session: () => answer(http.GET('/api/v1/session')),
  sudo: (password: string) => answer(http.POST('/api/v1/session/sudo', { body: { password } })),
  keys: (app: string) => answer(http.GET('/api/v1/apps/{app}/keys', { params: { path: { app } } })),
  renameApp: (app: string, name: string) =>
    answer(http.PATCH('/api/v1/apps/{app}', { params: { path: { app } }, body: { name } })),
  revealKey: (app: string, key: string) =>
    answer(http.POST('/api/v1/apps/{app}/keys/{key}/reveal', { params: { path: { app, key } }, body: {} })),
  consoleToken: (app: string) =>
    answer(http.POST('/api/v1/apps/{app}/console-token', { params: { path: { app } }, body: {} })),
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
    throw failure instanceof TypeError ? unreachable() : unreadable()
  })
  if (!response.ok) throw problemOf(response, error)
  return data as T
}
