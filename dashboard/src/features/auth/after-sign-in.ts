/** Where to go after signing in: the page that asked for it, if it is one of ours. */

export interface NextSearch {
  next?: string
}

export function validateNext(search: Record<string, unknown>): NextSearch {
  const next = search.next
  return typeof next === 'string' && isOwnPath(next) ? { next } : {}
}

/** A path of this site. `//host` and `/\host` would leave it. */
export function isOwnPath(path: string): boolean {
  return /^\/(?![/\\])/.test(path) && !/[\r\n\t]/.test(path)
}
