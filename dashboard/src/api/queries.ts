/** What pages read from the API, as query definitions: one cache key per thing. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api } from './client'

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: api.session,
  staleTime: 60_000,
})

export const keysQuery = (app: string) =>
  queryOptions({
    queryKey: ['apps', app, 'keys'],
    queryFn: () => api.keys(app),
    staleTime: 30_000,
  })

export const rulesQuery = (app: string) =>
  queryOptions({
    queryKey: ['apps', app, 'rules'],
    queryFn: () => api.rules(app),
    staleTime: 30_000,
  })

export const limitsQuery = (app: string) =>
  queryOptions({
    queryKey: ['apps', app, 'limits'],
    queryFn: () => api.limits(app),
    staleTime: 60_000,
  })

/** Of the organisation, for the month. */
export const quotaQuery = queryOptions({
  queryKey: ['quota'],
  queryFn: api.quota,
  staleTime: 10_000,
})

export const sessionsQuery = queryOptions({
  queryKey: ['sessions'],
  queryFn: api.sessions,
})

export const auditQuery = infiniteQueryOptions({
  queryKey: ['audit'],
  queryFn: ({ pageParam }) => api.audit(pageParam),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next_cursor ?? undefined,
})

/** A revealed secret lives in memory only, never in storage, and is dropped five minutes after the last page that shows it. */
export const secretKey = (app: string, key: string) => ['apps', app, 'keys', key, 'secret'] as const
export const SECRET_KEPT_MS = 5 * 60_000
