import { describe, expect, it } from 'vitest'
import { passwordStrength } from './password-strength'

const level = (password: string, email = 'ada@example.com') => passwordStrength(password, email).level

describe('passwordStrength', () => {
  it('says what is wanted before anything is typed', () => {
    expect(passwordStrength('', '')).toEqual({
      level: 0,
      advice: 'At least 10 characters. A few unrelated words work well.',
    })
  })

  it('counts down to the minimum', () => {
    expect(passwordStrength('tide', '').advice).toBe('Too short: 6 more characters.')
    expect(passwordStrength('tidelampr', '').advice).toBe('Too short: 1 more character.')
  })

  it('counts characters, not code units', () => {
    expect(passwordStrength('🦜🦜🦜🦜🦜', '').advice).toBe('Too short: 5 more characters.')
  })

  it.each(['aaaaaaaaaaaa', '1234567890', 'abcdefghijkl', 'password12', 'Passw0rd'.repeat(1), 'qwerty1234'])(
    'calls %s weak',
    (password) => expect(level(password)).toBe(1),
  )

  it('does not let the e-mail name be the password', () => {
    expect(passwordStrength('xx-Countess99-yy', 'countess@example.com').advice).toContain('e-mail name')
  })

  it('rises with length and variety', () => {
    const levels = ['tidelampri', 'tidelampriver', 'tide lamp river 92'].map((password) => level(password))
    expect(levels).toEqual([2, 3, 4])
  })
})
