/** One error class for everything the API refuses (RFC 9457 problem+json) and for an API that cannot be reached. */

import type { ProblemBody } from './types'

/** What pages show. `code` is 0 and `status` may be 0 where no server of ours has answered. */
export type ProblemFacts = Pick<ProblemBody, 'status' | 'code' | 'name' | 'title' | 'detail'> &
  Partial<Pick<ProblemBody, 'request_id' | 'retry_after'>>

export class ApiProblem extends Error {
  readonly status: number
  readonly code: number
  /** The stable name from the error table, e.g. `sudo_required`. */
  override readonly name: string
  readonly title: string
  readonly detail: string
  readonly requestId: string | undefined
  /** After how long trying again makes sense. */
  readonly retryAfterMs: number | undefined

  constructor(facts: ProblemFacts) {
    super(facts.detail)
    this.status = facts.status
    this.code = facts.code
    this.name = facts.name
    this.title = facts.title
    this.detail = facts.detail
    this.requestId = facts.request_id
    this.retryAfterMs = facts.retry_after ?? undefined
  }
}

/** A refusal. A body that is not a problem (a proxy's HTML page, say) still gives a sentence a person can act on. */
export function problemOf(response: Response, body: unknown): ApiProblem {
  return isProblem(body) ? new ApiProblem({ ...body, status: response.status }) : unreadable(response)
}

export function unreadable(response?: Response): ApiProblem {
  return new ApiProblem({
    status: response?.status ?? 0,
    code: 0,
    name: 'unreadable_answer',
    title: 'Unexpected answer',
    detail:
      'The answer was not one of Peal’s. Something between this browser and Peal, such as a proxy, may have answered instead. Try again.',
    request_id: response?.headers.get('x-request-id') ?? undefined,
  })
}

export function unreachable(): ApiProblem {
  return new ApiProblem({
    status: 0,
    code: 0,
    name: 'unreachable',
    title: 'No connection to the server',
    detail:
      'The server could not be reached. Check that it is running and that this computer is online, then try again.',
  })
}

/** Any thrown value as a problem, for pages that must show something. */
export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  return new ApiProblem({
    status: 0,
    code: 0,
    name: 'page_failed',
    title: 'This page failed',
    detail: `The page failed with “${error instanceof Error ? error.message : String(error)}”. Reload it; if that does not help, report the message.`,
  })
}

function isProblem(body: unknown): body is ProblemBody {
  if (typeof body !== 'object' || body === null) return false
  const { name, title, detail } = body as Partial<ProblemBody>
  return [name, title, detail].every((text) => typeof text === 'string')
}
