import { describe, expect, it } from 'vitest'
import { capabilitiesOf, describeCapabilities, grantingRow, mayPublish, rowsOf } from './capabilities'

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

  it('are the same as rows and back', () => {
    const capabilities = { 'chat.*': ['subscribe', 'publish'], audit: ['*'] }
    expect(capabilitiesOf(rowsOf(capabilities))).toEqual(capabilities)
  })

  it('name the first row that grants', () => {
    const rows = rowsOf({ 'a*': ['subscribe'], 'ab*': ['publish'], '*': ['publish'] })
    expect(grantingRow(rows, 'publish', 'abc')).toBe(2)
    expect(grantingRow(rows, 'publish', 'private-x')).toBe(3)
    expect(grantingRow(rows, 'history', 'abc')).toBeNull()
  })
})
