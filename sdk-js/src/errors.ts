/**
 * The one class of errors, whether the server refused (docs/errors.md has its codes) or the client gave up by itself
 * (codes from 90000, explained in the README).
 */
export interface ErrorFields {
  code: number;
  name: string;
  message: string;
  retryable: boolean;
  help_url?: string;
  /** Milliseconds. */
  retry_after?: number;
  limit?: number;
  current?: number;
}

export class PealError extends Error {
  readonly code: number;
  /** True when the same call may succeed later. */
  readonly retryable: boolean;
  /** Where the server explains the error. The README explains those of the client itself. */
  readonly helpUrl: string | undefined;
  /** How many milliseconds to wait, where the server said so. */
  readonly retryAfter: number | undefined;
  readonly limit: number | undefined;
  readonly current: number | undefined;

  constructor(fields: ErrorFields, cause?: unknown) {
    super(fields.message, cause === undefined ? undefined : { cause });
    this.name = fields.name;
    this.code = fields.code;
    this.retryable = fields.retryable;
    this.helpUrl = fields.help_url;
    this.retryAfter = fields.retry_after;
    this.limit = fields.limit;
    this.current = fields.current;
  }
}

export const connectionLost = (cause?: unknown): PealError =>
  local(90001, 'connection_lost', 'The connection broke before the answer. Try again.', true, cause);

export const closed = (): PealError =>
  local(90002, 'closed', 'This client is closed. Connect a new one.', false);

export const queueFull = (max: number): PealError =>
  local(90003, 'queue_full', `${max} requests wait for a connection already. Try again later.`, true);

export const tokenUnavailable = (cause: unknown): PealError =>
  cause instanceof PealError
    ? cause
    : local(90004, 'token_unavailable', `getToken failed: ${String(cause)}`, true, cause);

export const unconfirmed = (): PealError =>
  local(
    90005,
    'unconfirmed',
    'The connection broke before the answer and stayed away for so long that a repeat could arrive twice. The message may or may not have been published.',
    false,
  );

export const slowReader = (max: number): PealError =>
  local(
    90006,
    'slow_reader',
    `${max} messages wait for this iterator. Read faster, or use on('message').`,
    false,
  );

export const misuse = (message: string, cause?: unknown): PealError =>
  local(90007, 'misuse', message, false, cause);

export const silence = (): PealError =>
  local(90008, 'silence', 'Nothing was heard from the server for too long.', true);

export const unsubscribed = (): PealError =>
  local(90009, 'unsubscribed', 'The channel was unsubscribed, or presence left, before the answer.', false);

/** `early`: before the server has accepted the token. */
export const socketClosed = (code: number, reason: string, retryable: boolean, early: boolean): PealError => {
  const what =
    code === 1006
      ? 'The connection could not be made, or broke'
      : `The server closed the connection with ${code}${reason && `: ${reason}`}`;
  const hint = early && code === 1009 ? ' The token is too large: grant less, or use patterns.' : '';
  return new PealError({ code, name: 'connection_closed', message: `${what}.${hint}`, retryable });
};

function local(code: number, name: string, message: string, retryable: boolean, cause?: unknown): PealError {
  return new PealError({ code, name, message, retryable }, cause);
}
