/** The control-plane API, one function per operation. The session travels in an HttpOnly cookie, which no script sees. */
import { problemFromResponse, unreachable } from './problem'
import type { ConsoleToken, Key, Page, RevealedKey, Session, SignedIn, SignedUp } from './types'

export const api = {
  signUp: (email: string, password: string) => post<SignedUp>('/auth/sign-up', { email, password }),
  signIn: (email: string, password: string) => post<SignedIn>('/auth/sign-in', { email, password }),
  signOut: () => post<void>('/auth/sign-out', {}),
  session: () => call<Session>('GET', '/session'),
  sudo: (password: string) => post<{ sudo_until: string }>('/session/sudo', { password }),
  keys: (app: string) => call<Page<Key>>('GET', `/apps/${encodeURIComponent(app)}/keys`),
  renameApp: (app: string, name: string) => call<unknown>('PATCH', `/apps/${encodeURIComponent(app)}`, { name }),
  revealKey: (app: string, key: string) =>
    post<RevealedKey>(`/apps/${encodeURIComponent(app)}/keys/${encodeURIComponent(key)}/reveal`, {}),
  consoleToken: (app: string) => post<ConsoleToken>(`/apps/${encodeURIComponent(app)}/console-token`, {}),
}

function post<T>(path: string, body: unknown): Promise<T> {
  return call<T>('POST', path, body)
}

/** @throws ApiProblem, and nothing else. */
async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const request: RequestInit = { method, headers: { accept: 'application/json' }, credentials: 'same-origin' }
  if (body !== undefined) {
    request.headers = { accept: 'application/json', 'content-type': 'application/json' }
    request.body = JSON.stringify(body)
  }
  let response: Response
  try {
    response = await fetch(`/api/v1${path}`, request)
  } catch {
    throw unreachable()
  }
  if (!response.ok) throw await problemFromResponse(response)
  return (response.status === 204 ? undefined : await response.json()) as T
}
