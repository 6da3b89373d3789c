/** Renders the whole app at an address, against a fetch that answers from a table. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router'
import { render } from '@testing-library/react'
import { vi } from 'vitest'
import type { App, Key, Session } from './api/types'
import { makeApp } from './app'
import { Announcer } from './ui/announce'

type Answer = { status?: number; body?: unknown }
export type Answers = Record<string, Answer | ((body: unknown, search: URLSearchParams) => Answer)>

export const APP: App = {
  id: '123456789',
  name: 'My first app',
  environment: 'development',
  paused: false,
  features: { subscription_count: true, watchlist: true, authorized_connections: false },
  created_at: '2026-01-01T00:00:00Z',
}

export const SESSION: Session = {
  user: { id: 'u1', email: 'ada@example.com' },
  org: { id: 'o1', name: "ada's team" },
  apps: [APP],
  edge_url: 'http://edge.test:7100',
  dev: true,
  role: 'owner',
  sudo_until: null,
}

export function testKey(id: string, name: string, part: Partial<Key> = {}): Key {
  return {
    id,
    name,
    capabilities: { 'chat.*': ['publish'] },
    allowed_origins: [],
    created_by: 'ada@example.com',
    created_at: '2026-01-01T00:00:00Z',
    last_used_at: null,
    expires_at: null,
    replaced_by: null,
    ...part,
  }
}

export function refusal(status: number, name: string, detail: string): Answer {
  return { status, body: { code: status * 100, name, title: detail, detail, request_id: 'req-7' } }
}

/** What the frame asks on every page, where a test is not about it. */
const DEFAULTS: [RegExp, Answer][] = [
  [
    /^GET \/apps\/\d+\/limits$/,
    { body: { plan: { id: 'unlimited', title: 'Unlimited', messages_per_month: null }, items: [] } },
  ],
  [
    /^GET \/quota$/,
    { body: { plan: { id: 'unlimited', title: 'Unlimited', messages_per_month: null }, messages: null, help_url: '' } },
  ],
  [/^GET \/apps\/\d+\/usage\/notes$/, { body: { items: [] } }],
  [/^GET \/apps\/\d+\/usage\/breakdown$/, { body: { by: 'namespace', metric: '', from: '', to: '', items: [] } }],
]

/** Keys are like `GET /session`. An operation that is not in the table is not reachable. Gives the calls made so far. */
export function stubApi(answers: Answers): string[] {
  const calls: string[] = []
  vi.stubGlobal('fetch', async (request: Request) => {
    const url = new URL(request.url)
    const operation = `${request.method} ${url.pathname.replace('/api/v1', '')}`
    calls.push(operation)
    const entry = answers[operation] ?? DEFAULTS.find(([pattern]) => pattern.test(operation))?.[1]
    if (!entry) throw new TypeError(`no answer for ${operation}`)
    const body = await request.text()
    const answer = typeof entry === 'function' ? entry(body ? JSON.parse(body) : undefined, url.searchParams) : entry
    const status = answer.status ?? 200
    return status === 204 ? new Response(null, { status }) : Response.json(answer.body ?? {}, { status })
  })
  return calls
}

export function renderApp(path: string) {
  const { queryClient, router } = makeApp(createMemoryHistory({ initialEntries: [path] }))
  queryClient.setDefaultOptions({ queries: { retry: false } })
  render(
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  )
  return router
}

/** Renders one component with what all of them may use. */
export function renderPart(part: React.ReactNode) {
  return render(
    <QueryClientProvider client={new QueryClient()}>
      {part}
      <Announcer />
    </QueryClientProvider>,
  )
}
