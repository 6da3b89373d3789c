/** What the forms check before asking the server, and where a server's refusal belongs on the form. */
import type { ApiProblem } from '#/api/problem'
import { PASSWORD_LENGTH_MIN } from './password-strength'

export interface FieldErrors {
  email?: string
  password?: string
}

export function checkEmail(email: string): string | undefined {
  if (email.trim() === '') return 'Enter your e-mail address.'
  if (!/^\S+@\S+$/.test(email.trim())) return 'That is not an e-mail address. It looks like name@example.com.'
  return undefined
}

export function checkNewPassword(password: string): string | undefined {
  if (password === '') return 'Choose a password.'
  if ([...password].length < PASSWORD_LENGTH_MIN) return `Use at least ${PASSWORD_LENGTH_MIN} characters.`
  return undefined
}

/** The field a refusal is about, or null when it concerns the whole form. */
export function fieldOf(problem: ApiProblem): keyof FieldErrors | null {
  if (problem.name.includes('email')) return 'email'
  if (problem.name.includes('password') || problem.name === 'bad_credentials') return 'password'
  return null
}
