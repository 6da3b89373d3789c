import { describe, expect, it } from 'vitest'
import { percentOf, toneOf, usedOf, whatHappens } from './quota-words'
import { testQuota } from './test-quota'

describe('a quota', () => {
  it('is used in whole percent, and all of it only when all of it is', () => {
    expect(percentOf({ used: 9_999_999, included: 10_000_000 })).toBe(99)
    expect(percentOf({ used: 0, included: 0 })).toBe(100)
    expect(usedOf({ used: 2_100_000, included: 10_000_000 })).toBe('2.1M of 10M messages')
  })

  it('says beforehand what will happen', () => {
    expect(whatHappens(testQuota({ standing: 'near' }))).toBe(
      'At 100 % publishing still works up to 110 % in any case, and for a day up to 150 %. Then publishes are refused until the month ends, on 1 December (UTC).',
    )
    expect(whatHappens(testQuota({ when_used_up: 'go_on' }))).toBe('At 100 % your plan goes on: nothing is refused.')
  })

  it('says what happens once it is used', () => {
    const grace = testQuota({ standing: 'grace', grace_ends_at: '2026-11-26T10:30:00Z' })
    expect(whatHappens(grace)).toMatch(/^Publishing still works .* until 26 November at 10:30 \(UTC\) up to 150 %/)
    expect(whatHappens(testQuota({ standing: 'stopped' }))).toMatch(/^Publishes are refused until the month ends/)
    expect(whatHappens(testQuota({ standing: 'over', when_used_up: 'go_on' }))).toBe(
      'Your plan goes on: nothing is refused.',
    )
    const tones = (['within', 'near', 'over', 'grace', 'stopped'] as const).map((standing) =>
      toneOf(testQuota({ standing })),
    )
    expect(tones).toEqual(['quiet', 'warn', 'warn', 'danger', 'danger'])
  })
})
