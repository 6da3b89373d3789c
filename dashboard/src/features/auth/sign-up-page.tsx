import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { type FormEvent, useRef, useState } from 'react'
import { api } from '#/api/client'
import { asProblem } from '#/api/problem'
import { sessionQuery } from '#/api/queries'
import { Button } from '#/ui/button'
import { Field, PasswordField } from '#/ui/field'
import { ProblemNotice } from '#/ui/problem-notice'
import { AuthFrame } from './auth-frame'
import { checkEmail, checkNewPassword, type FieldErrors, fieldOf } from './credentials'
import { passwordStrength } from './password-strength'
import { rememberSignedIn } from './signed-in-hint'
import { StrengthBar } from './strength-bar'
import { usePreparePage } from './use-prepare-page'

export function SignUpPage() {
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [checked, setChecked] = useState<FieldErrors>({})
  const form = useRef<HTMLFormElement>(null)
  usePreparePage('/_app/welcome')

  const signUp = useMutation({
    mutationFn: async () => {
      await api.signUp(email.trim(), password)
      rememberSignedIn('yes')
      await queryClient.fetchQuery({ ...sessionQuery, staleTime: 0 })
      await navigate({ to: '/welcome' })
    },
  })

  const problem = signUp.error ? asProblem(signUp.error) : null
  const refusedField = problem && fieldOf(problem)
  const errors: FieldErrors = { ...checked, ...(problem && refusedField ? { [refusedField]: problem.detail } : {}) }

  const submit = (event: FormEvent) => {
    event.preventDefault()
    const found = { email: checkEmail(email), password: checkNewPassword(password) }
    setChecked(found)
    signUp.reset()
    const first = found.email ? 'email' : found.password ? 'password' : null
    if (first) return form.current?.querySelector<HTMLInputElement>(`[name=${first}]`)?.focus()
    signUp.mutate()
  }

  return (
    <AuthFrame title="Create your account" lead="Your first channel is live as soon as you are in.">
      <form ref={form} onSubmit={submit} noValidate className="space-y-4">
        <Field
          label="E-mail"
          name="email"
          type="email"
          autoComplete="username"
          inputMode="email"
          required
          autoFocus
          value={email}
          error={errors.email}
          onChange={(event) => {
            setEmail(event.target.value)
            setChecked({ ...checked, email: undefined })
            if (refusedField === 'email') signUp.reset()
          }}
        />
        <PasswordField
          label="Password"
          name="password"
          autoComplete="new-password"
          required
          value={password}
          error={errors.password}
          hint={<StrengthBar strength={passwordStrength(password, email)} />}
          onChange={(event) => {
            setPassword(event.target.value)
            setChecked({ ...checked, password: undefined })
            if (refusedField === 'password') signUp.reset()
          }}
        />
        {problem && !refusedField && <ProblemNotice problem={problem} />}
        <Button type="submit" look="primary" busy={signUp.isPending} className="h-9 w-full">
          {signUp.isPending ? 'Creating your account…' : 'Create account'}
        </Button>
      </form>
      <p className="mt-6 text-muted">
        Already have an account?{' '}
        <Link to="/sign-in" className="font-medium text-accent underline underline-offset-2">
          Sign in
        </Link>
      </p>
    </AuthFrame>
  )
}
