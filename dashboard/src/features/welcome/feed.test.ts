import { describe, expect, it } from 'vitest'
import { addEarlier, addLive, FEED_ROWS_MAX, type FeedRow, milestones } from './feed'

const row = (id: string, over: Partial<FeedRow> = {}): FeedRow => ({
  id,
  event: 'message',
  json: '{}',
  at: 0,
  from: 'page',
  latencyMs: 1,
  earlier: false,
  ...over,
})
const ids = (rows: FeedRow[]) => rows.map(({ id }) => id)

describe('feed', () => {
  it('appends, once per id', () => {
    expect(ids(addLive(addLive([row('a')], row('b')), row('a')))).toEqual(['a', 'b'])
  })

  it('keeps the newest rows', () => {
    const many = Array.from({ length: FEED_ROWS_MAX }, (_, index) => row(`m${index}`))
    const rows = addLive(many, row('last'))
    expect(rows).toHaveLength(FEED_ROWS_MAX)
    expect([rows[0]?.id, rows.at(-1)?.id]).toEqual(['m1', 'last'])
  })

  it('puts earlier messages in front, without those that came live', () => {
    const earlier = [row('x', { earlier: true }), row('a', { earlier: true })]
    expect(ids(addEarlier([row('a')], earlier))).toEqual(['x', 'a'])
    expect(addEarlier([row('a')], earlier)[1]?.earlier).toBe(false)
  })

  it('ticks milestones by what was seen', () => {
    expect(milestones([])).toEqual({ first: false, fromCode: false })
    expect(milestones([row('a')])).toEqual({ first: true, fromCode: false })
    expect(milestones([row('a'), row('b', { from: 'server' })])).toEqual({ first: true, fromCode: true })
  })
})
