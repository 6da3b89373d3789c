/** The rows of the live list, as a reducer without I/O. */

export interface FeedRow {
  id: string
  event: string
  /** The data as one line of JSON. */
  json: string
  /** Local time of arrival; for an earlier message, the server's time of acceptance. */
  at: number
  /** `page`: sent here. `server`: by REST, from code or a terminal. Anything else: the client id. */
  from: string
  /** Null for a message from before this page was open, or when the clocks do not tell. */
  latencyMs: number | null
  earlier: boolean
}

export const FEED_ROWS_MAX = 200

export function addLive(rows: readonly FeedRow[], row: FeedRow): FeedRow[] {
  if (rows.some((known) => known.id === row.id)) return [...rows]
  return [...rows, row].slice(-FEED_ROWS_MAX)
}

/** Puts earlier messages, oldest first, before what has arrived live meanwhile. */
export function addEarlier(rows: readonly FeedRow[], earlier: readonly FeedRow[]): FeedRow[] {
  const known = new Set(rows.map((row) => row.id))
  return [...earlier.filter((row) => !known.has(row.id)), ...rows].slice(-FEED_ROWS_MAX)
}

export interface Milestones {
  /** A message was seen at all. */
  first: boolean
  /** A message was seen that came from the person's own code or terminal. */
  fromCode: boolean
}

/** Ticked by observed traffic, not by clicks. */
export function milestones(rows: readonly FeedRow[]): Milestones {
  return { first: rows.length > 0, fromCode: rows.some((row) => row.from === 'server') }
}
