import { describe, expect, it } from 'vitest'
import { formatBytes, formatCount, formatDuration, formatRate, formatShort, plural } from './format'

describe('numbers as text', () => {
  it('counts', () => {
    expect(formatCount(1204)).toBe('1,204')
    expect(formatCount(0.84)).toBe('0.8')
    expect(formatCount(12.4)).toBe('12')
    expect(formatRate(0.004)).toBe('< 0.01')
    expect(formatRate(0.126)).toBe('0.13')
    expect(formatRate(3.26)).toBe('3.3')
    expect(formatRate(0)).toBe('0')
    expect(formatShort(9_999)).toBe('9,999')
    expect(formatShort(1_250_000)).toBe('1.3M')
    expect(plural(1, 'key')).toBe('1 key')
    expect(plural(2, 'key')).toBe('2 keys')
  })

  it('durations', () => {
    expect(formatDuration(120_000)).toBe('2 min')
    expect(formatDuration(90_000)).toBe('90 s')
    expect(formatDuration(86_400_000)).toBe('24 h')
    expect(formatDuration(259_200_000)).toBe('72 h')
    expect(formatDuration(604_800_000)).toBe('7 d')
    expect(formatDuration(1_500)).toBe('1,500 ms')
    expect(formatDuration(0)).toBe('0 s')
  })

  it('sizes', () => {
    expect(formatBytes(65_536)).toBe('64 KiB')
    expect(formatBytes(10_240)).toBe('10 KiB')
    expect(formatBytes(1_000)).toBe('1,000 bytes')
  })
})
