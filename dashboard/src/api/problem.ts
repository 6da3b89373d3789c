/** One error class for everything the API refuses (RFC 9457 problem+json) and for an API that cannot be reached. */

export interface ProblemBody {
  status: number
  /** The stable number from the error table, 0 when the answer had none. */
  code: number
  /** The stable name from the error table, e.g. `sudo_required`. */
  name: string
  title: string
  detail: string
  help_url?: string
  request_id?: string
  /** Milliseconds after which trying again makes sense. */
  retry_after?: number
}

export class ApiProblem extends Error implements ProblemBody {
  readonly status: number
  readonly code: number
  override readonly name: string
  readonly title: string
  readonly detail: string
  readonly help_url?: string
  readonly request_id?: string
  readonly retry_after?: number

  constructor(body: ProblemBody) {
    super(body.detail)
    this.status = body.status
    this.code = body.code
    this.name = body.name
    this.title = body.title
    this.detail = body.detail
    this.help_url = body.help_url
    this.request_id = body.request_id
    this.retry_after = body.retry_after
  }
}

/** Reads a refusal. A body that is not a problem (a proxy's HTML page, say) still gives a sentence a person can act on. */
export async function problemFromResponse(response: Response): Promise<ApiProblem> {
  const body = await response
    .clone()
    .json()
    .catch(() => null)
  if (isRecord(body) && (typeof body.detail === 'string' || typeof body.title === 'string')) {
    return new ApiProblem({
      status: response.status,
      code: typeof body.code === 'number' ? body.code : 0,
      name: text(body.name) ?? 'unknown',
      title: text(body.title) ?? response.statusText,
      detail: text(body.detail) ?? text(body.title) ?? '',
      help_url: text(body.help_url),
      retry_after: typeof body.retry_after === 'number' ? body.retry_after : undefined,
      request_id: text(body.request_id) ?? response.headers.get('x-request-id') ?? undefined,
    })
  }
  return new ApiProblem({
    status: response.status,
    code: 0,
    name: 'unreadable_answer',
    title: 'Unexpected answer',
    detail: `The server answered ${response.status} without saying why. Something between this browser and Peal may have answered instead. Try again.`,
    request_id: response.headers.get('x-request-id') ?? undefined,
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

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
