import { describe, expect, it } from 'vitest'
import type { RuleSettings, Rules } from '#/api/types'
import { changesBetween, describeSettings, draftOf, freshId, isChanged, moved, put, rulesOf, without } from './draft'

const settings = (part: Partial<RuleSettings> = {}): RuleSettings => ({
  history: { count: 100, ttl_ms: 120_000 },
  client_events: false,
  anonymous: false,
  presence_grace_ms: null,
  durability: 'fast',
  message_bytes: null,
  ...part,
})
const rules = (patterns: string[], version = 3): Rules => ({
  version,
  ordered: patterns.map((pattern) => ({ pattern, settings: settings() })),
  default: settings(),
})
const patterns = (draft: ReturnType<typeof draftOf>) => draft.ordered.map((rule) => rule.pattern)

describe('a draft of the rules', () => {
  const base = rules(['a', 'b', 'c'])

  it('is unchanged until something differs, and again when it is put back', () => {
    const draft = draftOf(base)
    expect(isChanged(draft, base)).toBe(false)
    const down = moved(draft, 0, 1)
    expect(patterns(down)).toEqual(['b', 'a', 'c'])
    expect(isChanged(down, base)).toBe(true)
    expect(isChanged(moved(down, 1, 0), base)).toBe(false)
    expect(rulesOf(draft, 4)).toEqual({ ...base, version: 4 })
  })

  it('moves within its bounds only', () => {
    const draft = draftOf(base)
    expect(moved(draft, 0, -1)).toBe(draft)
    expect(moved(draft, 2, 3)).toBe(draft)
    expect(patterns(moved(draft, 2, 0))).toEqual(['c', 'a', 'b'])
  })

  it('puts a rule in its own place, a fresh one at the end, and removes one', () => {
    const draft = draftOf(base)
    expect(patterns(put(draft, { id: 1, pattern: 'x', settings: settings() }))).toEqual(['a', 'x', 'c'])
    expect(patterns(put(draft, { id: freshId(draft), pattern: 'x', settings: settings() }))).toEqual([
      'a',
      'b',
      'c',
      'x',
    ])
    expect(patterns(without(draft, 0))).toEqual(['b', 'c'])
  })
})

describe('what somebody else changed', () => {
  it('is told rule by rule', () => {
    const after = rules(['c', 'b', 'd'])
    after.default = settings({ anonymous: true })
    const first = after.ordered[1]
    if (first) first.settings = settings({ client_events: true })
    expect(changesBetween(rules(['a', 'b', 'c']), after)).toEqual([
      'added d',
      'removed a',
      'changed b',
      'changed the order',
      'changed the default rule',
    ])
    expect(changesBetween(rules(['a']), rules(['a']))).toEqual([])
  })
})

it('settings read as phrases', () => {
  expect(describeSettings(settings())).toEqual(['history 100 for 2 min'])
  expect(
    describeSettings(
      settings({
        anonymous: true,
        client_events: true,
        presence_grace_ms: 5_000,
        durability: 'replicated',
        message_bytes: 10_240,
      }),
    ),
  ).toEqual([
    'anonymous clients',
    'client events',
    'history 100 for 2 min',
    'leave after 5 s',
    'confirmed by a replica',
    'at most 10 KiB',
  ])
})
