import { describe, expect, it } from 'vitest'
import { NOTHING_PENDING, press, SHORTCUTS } from './shortcuts'

function type(keys: string, gap = 100) {
  let pending = NOTHING_PENDING
  let action: unknown
  for (const [at, key] of [...keys].entries()) ({ pending, action } = press(pending, key, 10_000 + at * gap))
  return action
}

describe('shortcuts', () => {
  it('read sequences', () => {
    expect(type('gk')).toEqual({ go: 'keys' })
    expect(type('ggo')).toEqual({ go: 'overview' })
    expect(type('gxk')).toBeUndefined()
    expect(type('k')).toBeUndefined()
    expect(type('?')).toEqual({ show: 'shortcuts' })
    expect(type('g?')).toEqual({ show: 'shortcuts' })
  })

  it('forget the first key after a while', () => expect(type('gk', 2_000)).toBeUndefined())

  it('are each reachable', () => {
    for (const shortcut of SHORTCUTS) expect(type(shortcut.keys.join(''))).toEqual(shortcut.action)
  })
})
