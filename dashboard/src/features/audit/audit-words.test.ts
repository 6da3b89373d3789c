import { describe, expect, it } from 'vitest'
import { actorName, changesOf, sayAction } from './audit-words'

describe('an audit event', () => {
  it('is said in words, or by its own name', () => {
    expect(sayAction('key.revoke')).toBe('revoked the key')
    expect(sayAction('moon.land')).toBe('moon.land')
    expect(actorName({ type: 'user', id: 'u1', email: 'ada@example.com' })).toBe('ada@example.com')
    expect(actorName({ type: 'key', id: 'K1', email: null })).toBe('key K1')
    expect(actorName({ type: 'system', id: '', email: null })).toBe('Peal')
  })

  it('lists the fields that differ', () => {
    const before = { name: 'A', paused: false, features: { watchlist: true } }
    const after = { name: 'B', paused: false, features: { watchlist: true }, extra: 1 }
    expect(changesOf({ before, after })).toEqual([
      { field: 'name', before: 'A', after: 'B' },
      { field: 'extra', after: '1' },
    ])
    expect(changesOf({ before: null, after: null })).toEqual([])
    expect(changesOf({ before: null, after: 'x' })).toEqual([{ field: 'value', after: 'x' }])
  })
})
