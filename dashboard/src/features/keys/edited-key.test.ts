import { describe, expect, it } from 'vitest'
import { testKey } from '#/test-app'
import { editMistakesOf, formOf, patchOf } from './edited-key'
import { isRight } from './new-key'

const now = Date.UTC(2026, 0, 10)
const key = testKey('KEY1', 'Web', { allowed_origins: ['https://a.example'], expires_at: '2026-02-01T12:00:00Z' })

describe('an edited key', () => {
  it('is changed in nothing when nothing was typed', () => {
    expect(patchOf(key, formOf(key), now)).toEqual({})
    const full = testKey('KEY1', 'Web', { capabilities: { '*': ['*'] } })
    expect([formOf(full).preset, patchOf(full, formOf(full), now)]).toEqual(['full', {}])
  })

  it('is changed in what was typed, and in nothing else', () => {
    const form = formOf(key)
    expect(patchOf(key, { ...form, name: ' Site ' }, now)).toEqual({ name: 'Site' })
    expect(patchOf(key, { ...form, preset: 'publish' }, now)).toEqual({ capabilities: { '*': ['publish'] } })
    expect(patchOf(key, { ...form, origins: '' }, now)).toEqual({ allowed_origins: [] })
    expect(patchOf(key, { ...form, expiry: 'never' }, now)).toEqual({ expires_at: null })
    expect(patchOf(key, { ...form, expiry: '7' }, now)).toEqual({ expires_at: '2026-01-17T00:00:00.000Z' })
  })

  it('may have expired as long as its expiry is left alone', () => {
    const late = Date.UTC(2027, 0, 1)
    expect(isRight(editMistakesOf(key, formOf(key), late))).toBe(true)
    expect(editMistakesOf(key, { ...formOf(key), date: '2026-03-01' }, late).date).toBe('Choose a day in the future.')
  })
})
