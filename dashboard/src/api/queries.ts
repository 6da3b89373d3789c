/** What pages read from the API, as query definitions: one cache key per thing. */
import { queryOptions } from '@tanstack/react-query'
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

/** A revealed secret lives in memory only, never in storage, and is dropped five minutes after the last page that shows it. */
export const secretKey = (app: string, key: string) => ['apps', app, 'keys', key, 'secret'] as const
export const SECRET_KEPT_MS = 5 * 60_000
