import { PealError } from '@peal/client'
import { describe, expect, it } from 'vitest'
import { unreachable } from '#/api/problem'
import { reasonOf } from './reason'

const error = (code: number, message: string, cause?: unknown) =>
  new PealError({ code, name: 'x', message, retryable: true }, cause)
const lost = 'The connection to http://edge.test was lost. This page tries again by itself.'

describe('why the connection is down', () => {
  it.each([1006, 1001, 90001, 90008])('code %i is a broken connection', (code) => {
    expect(reasonOf(error(code, 'The server closed the connection with 1006.'), 'http://edge.test')).toBe(lost)
  })

  it('is what the server says when it says something', () => {
    expect(reasonOf(error(40301, 'The app is paused.'), 'http://edge.test')).toBe('The app is paused.')
  })

  it('is the API’s refusal when there was no token', () => {
    const reason = reasonOf(error(90004, 'getToken failed: unreachable', unreachable()), 'http://edge.test')
    expect(reason).toMatch(/^The server could not be reached/)
  })
})
