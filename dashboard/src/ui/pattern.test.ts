import { describe, expect, it } from 'vitest'
import { matchesChannel, patternMistake } from './pattern'

describe('a channel pattern', () => {
  it.each([
    ['*', 'anything', true],
    ['chat.*', 'chat.1', true],
    ['chat.*', 'private-chat.1', true],
    ['chat.*', 'chats', false],
    ['private-chat.*', 'private-chat.1', true],
    ['private-chat.*', 'chat.1', false],
    ['a*c', 'private-encrypted-cache-abc', true],
    ['a.c', 'abc', false],
  ])('%s on %s: %s', (pattern, channel, matches) => expect(matchesChannel(pattern, channel)).toBe(matches))

  it('is refused with the reason', () => {
    expect(patternMistake('chat.*')).toBeUndefined()
    expect(patternMistake('')).toContain('Give a pattern')
    expect(patternMistake('chat *')).toContain('a space')
    expect(patternMistake('chät')).toContain('“ä”')
    expect(patternMistake('a'.repeat(201))).toContain('at most 200')
  })
})
