/** The query client and the router, tied together: what `main.tsx` renders and what the tests render. */
import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import type { RouterHistory } from '@tanstack/react-router'
import { ApiProblem } from './api/problem'
import { rememberSignedIn } from './features/auth/signed-in-hint'
import { makeRouter } from './router'

export function makeApp(history?: RouterHistory) {
  /** When the session ends while somebody is at work, they sign in again and come back to where they were. */
  const leaveWhenSignedOut = (error: unknown) => {
    if (!(error instanceof ApiProblem) || error.name !== 'sign_in_required') return
    const { pathname, href } = router.state.location
    if (pathname === '/sign-in' || pathname === '/sign-up') return
    rememberSignedIn('no')
    queryClient.clear()
    void router.navigate({ to: '/sign-in', search: { next: href }, replace: true })
  }

  const queryClient = new QueryClient({
    queryCache: new QueryCache({ onError: leaveWhenSignedOut }),
    mutationCache: new MutationCache({ onError: leaveWhenSignedOut }),
    defaultOptions: {
      // A server on this machine or in this house answers also where the browser believes that it is offline.
      mutations: { networkMode: 'always' },
      queries: {
        networkMode: 'always',
        // A refusal stays a refusal; only an unreachable or failing server is worth a second try.
        retry: (failures, error) =>
          failures < 2 && error instanceof ApiProblem && (error.status === 0 || error.status >= 500),
        retryDelay: (failures) => 500 * 2 ** failures,
      },
    },
  })
  const router = makeRouter(queryClient, history)
  return { queryClient, router }
}
