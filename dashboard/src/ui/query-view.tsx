/**
 * The states every page has: loading (a skeleton, after 200 ms), refused (in the server's words), and loaded. What was loaded
 * stays on screen while it is read again, also when that fails.
 */
import type { ReactNode } from 'react'
import { type ApiProblem, asProblem } from '#/api/problem'
import { Button } from './button'
import { Skeleton } from './panel'
import { ProblemNotice } from './problem-notice'
import { useSlow } from './use-slow'

/** As much of a query as this needs: ordinary and infinite ones both have it. */
interface QueryLike<T> {
  data: T | undefined
  error: unknown
  isPending: boolean
  isFetching: boolean
  refetch: () => unknown
}

interface QueryViewProps<T> {
  query: QueryLike<T>
  skeleton?: ReactNode
  children: (data: T) => ReactNode
}

export function QueryView<T>({ query, skeleton, children }: QueryViewProps<T>) {
  const slow = useSlow(query.isPending)
  const problem = query.error ? asProblem(query.error) : null
  return (
    <>
      {problem && (
        <div className="mb-4">
          <Refused problem={problem} stale={query.data !== undefined}>
            <Button size="sm" busy={query.isFetching} onClick={() => query.refetch()}>
              Try again
            </Button>
          </Refused>
        </div>
      )}
      {query.data === undefined ? slow && (skeleton ?? <Skeleton />) : children(query.data)}
    </>
  )
}

function Refused({ problem, stale, children }: { problem: ApiProblem; stale: boolean; children: ReactNode }) {
  return (
    <ProblemNotice problem={problem}>
      {stale && <p className="w-full text-muted">What you see below was loaded before.</p>}
      {problem.status === 403 && (
        <p className="w-full text-muted">An owner of the organisation can change what your role may do.</p>
      )}
      {children}
    </ProblemNotice>
  )
}
