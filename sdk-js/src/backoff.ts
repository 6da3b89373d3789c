/**
 * Exponential backoff with full jitter: uniform between nothing and the ceiling, so that clients which lost the same
 * server do not come back together.
 */
export const BACKOFF_BASE_MS = 500;
export const BACKOFF_MAX_MS = 30_000;

/** The wait after `failures` consecutive failures, counted from 0. */
export function backoff(failures: number): number {
  return Math.random() * Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** failures);
}
