import { describe, expect, it } from 'vitest'
import { clockTime, relativeTime } from './time'

const now = Date.UTC(2026, 0, 10, 12)

describe('time', () => {
  it.each([
    [-5_000, 'just now'],
    [-90_000, '1 minute ago'],
    [-7_200_000, '2 hours ago'],
    [-86_400_000, 'yesterday'],
    [3 * 86_400_000, 'in 3 days'],
    [5_000, 'in less than a minute'],
  ])('%i ms from now is %s', (offset, text) => expect(relativeTime(now + offset, now)).toBe(text))

  it('shows milliseconds on the clock', () => {
    expect(clockTime(new Date(2026, 0, 1, 4, 3, 2, 7).getTime())).toBe('04:03:02.007')
  })
})
