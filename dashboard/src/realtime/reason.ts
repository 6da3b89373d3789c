/** Why the connection is down, for a person: the server's own words where it gave some, plain ones where a socket just broke. */
import type { PealError } from '@peal/client'
import { ApiProblem } from '#/api/problem'

/** Close codes below are the WebSocket protocol's own: the network or a proxy speaks, not Peal. */
const OWN_CLOSE_CODES_FROM = 4_000
/** From here on the client library speaks. */
const LIBRARY_CODES_FROM = 90_000

export function reasonOf(error: PealError, edgeUrl: string): string {
  if (error.cause instanceof ApiProblem) return error.cause.detail
  if (error.code < OWN_CLOSE_CODES_FROM || error.code >= LIBRARY_CODES_FROM) {
    return `The connection to ${edgeUrl} was lost. This page tries again by itself.`
  }
  return error.message
}
