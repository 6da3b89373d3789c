/**
 * One signed request to the edge, repeated while the refusal is retryable.
 *
 * Repeating is safe because everything that changes something is idempotent: a publish carries a message id, and revoking or
 * disconnecting twice is the same as once. Every attempt is signed anew, so that a long wait does not make it stale.
 */
import { backoff } from '../backoff.js';
import { connectionLost, type ErrorFields, PealError } from '../errors.js';
import { authorization } from './sign.js';

export interface HttpOptions {
  url: string;
  key: string;
  secret: string;
  /** How often a retryable failure is repeated. Default 3. */
  retries?: number;
  /** Milliseconds for one attempt. Default 10,000. */
  timeout?: number;
  fetch?: typeof fetch;
}

export interface HttpRequest {
  method: 'GET' | 'POST';
  /** From the root, percent-encoded. */
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
}

/** `accept` turns an answer into a result, or throws the refusal that it holds. */
export async function call<T, R = T>(
  options: HttpOptions,
  request: HttpRequest,
  accept: (answer: T) => R = (answer) => answer as unknown as R,
): Promise<R> {
  const { retries = 3 } = options;
  for (let failures = 0; ; failures++) {
    try {
      return accept(await once<T>(options, request));
    } catch (thrown) {
      const error = thrown as PealError;
      if (!error.retryable || failures >= retries) throw error;
      const wait = error.retryAfter ?? backoff(failures);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

async function once<T>(options: HttpOptions, { method, path, query = {}, body }: HttpRequest): Promise<T> {
  const { key, secret, timeout = 10_000 } = options;
  const base = new URL(options.url);
  const url = base.origin.replace(/^ws/, 'http') + base.pathname.replace(/\/$/, '');
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(value as string | number)}`);
  const text = body === undefined ? undefined : JSON.stringify(body);
  const signable = {
    method,
    path: new URL(url + path).pathname,
    query: pairs,
    ...(text !== undefined && { body: text }),
  };
  const headers: Record<string, string> = {
    Authorization: authorization(signable, key, secret, Math.floor(Date.now() / 1_000)),
  };
  if (text !== undefined) headers['Content-Type'] = 'application/json';
  let response: Response;
  let answer: string;
  try {
    response = await (options.fetch ?? fetch)(`${url}${path}${pairs.length ? `?${pairs.join('&')}` : ''}`, {
      method,
      headers,
      signal: AbortSignal.timeout(timeout),
      ...(text !== undefined && { body: text }),
    });
    answer = await response.text();
  } catch (cause) {
    throw unanswered(base.origin, timeout, cause);
  }
  if (!response.ok) throw refusal(response, answer);
  return (answer ? JSON.parse(answer) : {}) as T;
}

/** What never arrived, and what was on its way: `fetch` tells them apart only by the code within. */
function unanswered(origin: string, timeout: number, cause: unknown): PealError {
  const { name, cause: inner } = cause as { name?: string; cause?: { code?: unknown } };
  const code = String(inner?.code ?? '');
  const message = NEVER_CONNECTED.includes(code)
    ? `${origin} could not be reached (${code}). Is Peal running there?`
    : name === 'TimeoutError'
      ? `${origin} did not answer within ${timeout} ms.`
      : undefined;
  if (!message) return connectionLost(cause);
  return new PealError({ code: 90010, name: 'unreachable', message, retryable: true }, cause);
}

const NEVER_CONNECTED = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
];

/** problem+json from Peal; anything else is from something in between, such as a load balancer. */
function refusal(response: Response, answer: string): PealError {
  let problem: Partial<ErrorFields> & { detail?: string; title?: string } = {};
  try {
    problem = JSON.parse(answer) as typeof problem;
  } catch {
    // Not from Peal.
  }
  const { status } = response;
  const retryAfter = problem.retry_after ?? Number(response.headers.get('retry-after') ?? Number.NaN) * 1_000;
  return new PealError({
    code: problem.code ?? status,
    name: problem.name ?? 'http_error',
    message: problem.detail ?? problem.title ?? `HTTP ${status}`,
    retryable: problem.retryable ?? (status >= 500 || status === 429),
    ...(problem.help_url !== undefined && { help_url: problem.help_url }),
    ...(retryAfter >= 0 && { retry_after: retryAfter }),
    ...(problem.limit !== undefined && { limit: problem.limit }),
    ...(problem.current !== undefined && { current: problem.current }),
  });
}
