import { describe, expect, it } from 'vitest'
import { describeCapabilities, mayPublish } from './capabilities'

describe('capabilities', () => {
  it('reads as phrases', () => {
    expect(describeCapabilities({ '*': ['*'] })).toEqual(['full access'])
    expect(describeCapabilities({ '*': ['subscribe'] })).toEqual(['subscribe on every channel'])
    expect(describeCapabilities({ 'chat.*': ['publish', 'subscribe'], audit: ['*'] })).toEqual([
      'publish, subscribe on chat.*',
      'everything on audit',
    ])
    expect(describeCapabilities({})).toEqual(['nothing'])
  })

  it('finds out whether a key may publish', () => {
    expect(mayPublish({ '*': ['*'] }, 'hello')).toBe(true)
    expect(mayPublish({ 'hel*': ['publish'] }, 'hello')).toBe(true)
    expect(mayPublish({ 'hel*': ['subscribe'] }, 'hello')).toBe(false)
    expect(mayPublish({ 'hel.o': ['*'] }, 'hello')).toBe(false)
  })
})
