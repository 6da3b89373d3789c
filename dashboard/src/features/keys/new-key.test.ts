import { describe, expect, it } from 'vitest'
import { EMPTY_FORM, isRight, type KeyForm, mistakesOf, requestOf } from './new-key'

const now = Date.UTC(2026, 0, 10)
const form = (part: Partial<KeyForm> = {}): KeyForm => ({ ...EMPTY_FORM, name: 'web', ...part })

describe('the form for a key', () => {
  it('makes a request without capabilities for a preset', () => {
    expect(requestOf(form({ preset: 'subscribe', expiry: '7' }), now)).toEqual({
      name: 'web',
      preset: 'subscribe',
      allowed_origins: [],
      expires_at: '2026-01-17T00:00:00.000Z',
    })
  })

  it('takes origins apart, each once', () => {
    const { allowed_origins } = requestOf(
      form({ origins: 'https://a.example, http://b.example:8080\nhttps://a.example' }),
      now,
    )
    expect(allowed_origins).toEqual(['https://a.example', 'http://b.example:8080'])
  })

  it('says what is wrong', () => {
    expect(isRight(mistakesOf(form(), now))).toBe(true)
    expect(mistakesOf(form({ name: ' ' }), now).name).toContain('Give the key a name')
    for (const origins of ['example.com', 'https://example.com/', 'ftp://example.com', 'https://*.example.com/x']) {
      expect(mistakesOf(form({ origins }), now).origins).toContain('is not an origin')
    }
    expect(mistakesOf(form({ expiry: 'date', date: '' }), now).date).toContain('future')
    expect(mistakesOf(form({ expiry: 'date', date: '2026-01-01' }), now).date).toContain('future')
    expect(mistakesOf(form({ expiry: 'date', date: '2026-02-01' }), now).date).toBeUndefined()
  })

  it('looks at rows only where they count', () => {
    const rows = [
      { id: 1, pattern: 'chat.*', operations: ['publish' as const] },
      { id: 2, pattern: 'chat.*', operations: ['publish' as const] },
      { id: 3, pattern: 'a b', operations: ['publish' as const] },
      { id: 4, pattern: 'c', operations: [] },
    ]
    expect(mistakesOf(form({ rows }), now).rows.size).toBe(0)
    const { rows: wrong } = mistakesOf(form({ rows, preset: 'custom' }), now)
    expect([...wrong]).toEqual([
      [2, 'Row 1 has the same pattern.'],
      [3, 'No channel name holds a space, so this would match none.'],
      [4, 'Tick at least one operation.'],
    ])
    expect(mistakesOf(form({ rows: [], preset: 'custom' }), now).noRows).toBeDefined()
  })
})
