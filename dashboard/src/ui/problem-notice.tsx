/** Shows what the server refused: what happened and what to do, in its own words, with the request id for support. */
import { CircleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import type { ApiProblem } from '#/api/problem'
import { CopyButton } from './copy-button'

export function ProblemNotice({ problem, children }: { problem: ApiProblem; children?: ReactNode }) {
  return (
    <div role="alert" className="rounded-md border border-danger bg-danger-soft px-3 py-2.5">
      <div className="flex items-start gap-2">
        <CircleAlert size={16} className="mt-0.5 shrink-0 text-danger" aria-hidden />
        <div className="min-w-0 flex-1">
          <p className="font-medium">{problem.title}</p>
          {problem.detail !== problem.title && <p className="text-muted">{problem.detail}</p>}
          {problem.retryAfterMs !== undefined && (
            <p className="text-muted">Try again in {Math.max(1, Math.ceil(problem.retryAfterMs / 1_000))} s.</p>
          )}
          {children && <div className="mt-2 flex flex-wrap gap-2">{children}</div>}
          {problem.requestId && (
            <p className="mt-1.5 flex items-center gap-1 text-xs text-muted">
              <span className="truncate">
                Request <code className="font-mono">{problem.requestId}</code>
              </span>
              <CopyButton text={problem.requestId} what="request id" />
            </p>
          )}
        </div>
      </div>
    </div>
  )
}
