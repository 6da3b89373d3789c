import { describe, expect, it } from 'vitest'
import { validateNext } from './after-sign-in'

describe('where to go after signing in', () => {
  it('is a path of this site', () => {
    expect(validateNext({ next: '/apps/1/keys?x=1' })).toEqual({ next: '/apps/1/keys?x=1' })
  })

  it.each([
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    'javascript:alert(1)',
    '/\t/evil.example',
    '',
    7,
    undefined,
  ])('is never %j', (next) => expect(validateNext({ next })).toEqual({}))
})
