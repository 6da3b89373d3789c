import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api } from '#/api/client'
import { limitsQuery, sessionQuery } from '#/api/queries'
import type { App, AppPatch, Session } from '#/api/types'
import { announce } from '#/ui/announce'
import { showApp } from './app-cache'

/** Changes an app. `said` is read out when it is done. Shown at once, and taken back when the server refuses. */
export function usePatchApp(app: App, done?: () => void) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: ({ patch }: { patch: AppPatch; said: string }) => api.patchApp(app.id, patch),
    onMutate: ({ patch }) => {
      const before = queryClient.getQueryData<Session>(sessionQuery.queryKey)
      const { features, name } = patch
      if (features) showApp(queryClient, { ...app, features: { ...app.features, ...definedOnly(features) } })
      if (name) showApp(queryClient, { ...app, name })
      return before
    },
    onSuccess: (changed, { patch, said }) => {
      showApp(queryClient, changed)
      if (patch.limits) void queryClient.invalidateQueries(limitsQuery(app.id))
      announce(said)
      done?.()
    },
    onError: (_, __, before) => queryClient.setQueryData(sessionQuery.queryKey, before),
  })
}

function definedOnly(features: NonNullable<AppPatch['features']>): Partial<App['features']> {
  return Object.fromEntries(Object.entries(features).filter(([, value]) => typeof value === 'boolean'))
}
