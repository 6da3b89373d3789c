import './styles.css'
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { ApiProblem } from './api/problem'
import { rememberSignedIn } from './features/auth/signed-in-hint'
import { makeRouter } from './router'
import { followSystemTheme } from './ui/theme'

/** When the session ends while somebody is at work, they sign in again and come back to where they were. */
function leaveWhenSignedOut(error: unknown) {
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
    queries: {
      // A refusal stays a refusal; only an unreachable or failing server is worth a second try.
      retry: (failures, error) =>
        failures < 2 && error instanceof ApiProblem && (error.status === 0 || error.status >= 500),
      retryDelay: (failures) => 500 * 2 ** failures,
    },
  },
})
const router = makeRouter(queryClient)

followSystemTheme()

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
)
