/** Who may see which pages. The server decides about data; these only lead people to the page they need. */
import type { QueryClient } from '@tanstack/react-query'
import { redirect } from '@tanstack/react-router'
import { asProblem } from '#/api/problem'
import { sessionQuery } from '#/api/queries'
import type { Session } from '#/api/types'
import { rememberSignedIn, signedInHint } from './signed-in-hint'

/** The session, or a redirect to sign-in that comes back to `path`. */
export async function requireSession(queryClient: QueryClient, path: string): Promise<Session> {
  try {
    return await queryClient.ensureQueryData(sessionQuery)
  } catch (error) {
    if (asProblem(error).status !== 401) throw error
    rememberSignedIn('no')
    throw redirect({ to: '/sign-in', search: path === '/' ? {} : { next: path }, replace: true })
  }
}

/** Sign-up and sign-in have nothing for somebody who is signed in. */
export async function leaveIfSignedIn(queryClient: QueryClient): Promise<void> {
  if (signedInHint() !== 'yes') return
  const session = await queryClient.ensureQueryData(sessionQuery).catch(() => null)
  if (session) throw redirect({ to: '/', replace: true })
  rememberSignedIn('no')
}
