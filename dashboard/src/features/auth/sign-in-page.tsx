import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, useRouter } from '@tanstack/react-router'
import { type FormEvent, useRef, useState } from 'react'
import { api } from '#/api/client'
import { asProblem } from '#/api/problem'
import { sessionQuery } from '#/api/queries'
import { Button } from '#/ui/button'
import { Field, PasswordField } from '#/ui/field'
import { ProblemNotice } from '#/ui/problem-notice'
import { AuthFrame } from './auth-frame'
import { checkEmail, type FieldErrors, fieldOf } from './credentials'
import { rememberSignedIn } from './signed-in-hint'
import { usePreparePage } from './use-prepare-page'

export function SignInPage({ next }: { next?: string }) {
  const router = useRouter()
  const queryClient = useQueryClient()
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [checked, setChecked] = useState<FieldErrors>({})
  const form = useRef<HTMLFormElement>(null)
  usePreparePage('/_app/apps/$appId/')

  const signIn = useMutation({
    mutationFn: async () => {
      await api.signIn(email.trim(), password)
      rememberSignedIn('yes')
      await queryClient.fetchQuery({ ...sessionQuery, staleTime: 0 })
      router.history.push(next ?? '/')
    },
    onError: () => form.current?.querySelector<HTMLInputElement>('[name=password]')?.select(),
  })

  const problem = signIn.error ? asProblem(signIn.error) : null
  const refusedField = problem && fieldOf(problem)
  const errors: FieldErrors = { ...checked, ...(problem && refusedField ? { [refusedField]: problem.detail } : {}) }

  const submit = (event: FormEvent) => {
    event.preventDefault()
    const found = { email: checkEmail(email), password: password === '' ? 'Enter your password.' : undefined }
    setChecked(found)
    signIn.reset()
    const first = found.email ? 'email' : found.password ? 'password' : null
    if (first) return form.current?.querySelector<HTMLInputElement>(`[name=${first}]`)?.focus()
    signIn.mutate()
  }

  return (
    <AuthFrame title="Sign in" lead={next ? 'Sign in to go on where you were.' : 'Welcome back.'}>
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
          }}
        />
        <PasswordField
          label="Password"
          name="password"
          autoComplete="current-password"
          required
          value={password}
          error={errors.password}
          onChange={(event) => {
            setPassword(event.target.value)
            setChecked({ ...checked, password: undefined })
            if (refusedField) signIn.reset()
          }}
        />
        {problem && !refusedField && <ProblemNotice problem={problem} />}
        <Button type="submit" look="primary" busy={signIn.isPending} className="h-9 w-full">
          {signIn.isPending ? 'Signing in…' : 'Sign in'}
        </Button>
      </form>
      <p className="mt-6 text-muted">
        New to Peal?{' '}
        <Link to="/sign-up" className="font-medium text-accent underline underline-offset-2">
          Create an account
        </Link>
      </p>
    </AuthFrame>
  )
}
