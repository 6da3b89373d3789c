import { describe, expect, it } from 'vitest'
import { ApiProblem } from '#/api/problem'
import { checkEmail, checkNewPassword, fieldOf } from './credentials'

const problem = (name: string) => new ApiProblem({ status: 400, code: 1, name, title: 't', detail: 'd' })

describe('credentials', () => {
  it('asks for an e-mail address', () => {
    expect(checkEmail(' ')).toMatch(/Enter/)
    expect(checkEmail('ada')).toMatch(/name@example.com/)
    expect(checkEmail(' ada@example.com ')).toBeUndefined()
  })

  it('asks for ten characters', () => {
    expect(checkNewPassword('')).toMatch(/Choose/)
    expect(checkNewPassword('123456789')).toMatch(/10/)
    expect(checkNewPassword('1234567890')).toBeUndefined()
  })

  it('puts a refusal on the field it is about', () => {
    expect(['email_taken', 'email_invalid'].map((name) => fieldOf(problem(name)))).toEqual(['email', 'email'])
    expect(['weak_password', 'bad_credentials'].map((name) => fieldOf(problem(name)))).toEqual(['password', 'password'])
    expect(['rate_limited', 'internal', 'unreachable'].map((name) => fieldOf(problem(name)))).toEqual([
      null,
      null,
      null,
    ])
  })
})
