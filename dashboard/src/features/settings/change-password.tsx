import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useRef, useState } from 'react'
import { api } from '#/api/client'
import { asProblem } from '#/api/problem'
import { sessionsQuery } from '#/api/queries'
import { checkNewPassword } from '#/features/auth/credentials'
import { passwordStrength } from '#/features/auth/password-strength'
import { StrengthBar } from '#/features/auth/strength-bar'
import { announce } from '#/ui/announce'
import { Button } from '#/ui/button'
import { PasswordField } from '#/ui/field'
import { Panel } from '#/ui/panel'
import { ProblemNotice } from '#/ui/problem-notice'

const NONE = { current: '', next: '' }

export function ChangePassword({ email }: { email: string }) {
  const queryClient = useQueryClient()
  const [typed, setTyped] = useState(NONE)
  const [checked, setChecked] = useState<{ current?: string; next?: string }>({})
  const form = useRef<HTMLFormElement>(null)

  const change = useMutation({
    mutationFn: () => api.changePassword({ current: typed.current, new: typed.next }),
    onSuccess: () => {
      setTyped(NONE)
      announce('Password changed')
      void queryClient.invalidateQueries(sessionsQuery)
    },
    onError: () => requestAnimationFrame(() => focusFirstMistake(form.current)),
  })
  const problem = change.error ? asProblem(change.error) : null
  const errors = {
    current: checked.current ?? (problem?.name === 'bad_credentials' ? 'That is not your password.' : undefined),
    next: checked.next ?? (problem?.name === 'weak_password' ? problem.detail : undefined),
  }
  const elsewhere = problem && !['bad_credentials', 'weak_password'].includes(problem.name)

  const submit = (event: FormEvent) => {
    event.preventDefault()
    change.reset()
    const found = {
      current: typed.current === '' ? 'Enter your present password.' : undefined,
      next: checkNewPassword(typed.next),
    }
    setChecked(found)
    if (!found.current && !found.next) return change.mutate()
    requestAnimationFrame(() => focusFirstMistake(form.current))
  }
  const type = (part: Partial<typeof NONE>) => {
    setTyped({ ...typed, ...part })
    setChecked({})
    change.reset()
  }

  return (
    <Panel title="Password" lead="Changing it signs out every other device.">
      <form ref={form} onSubmit={submit} noValidate className="max-w-[360px] space-y-4 px-4 py-3">
        <input type="text" name="username" autoComplete="username" value={email} readOnly hidden />
        <PasswordField
          label="Present password"
          name="current"
          autoComplete="current-password"
          value={typed.current}
          error={errors.current}
          onChange={(event) => type({ current: event.target.value })}
        />
        <PasswordField
          label="New password"
          name="new"
          autoComplete="new-password"
          value={typed.next}
          error={errors.next}
          hint={<StrengthBar strength={passwordStrength(typed.next, email)} />}
          onChange={(event) => type({ next: event.target.value })}
        />
        {problem && elsewhere && <ProblemNotice problem={problem} />}
        <div className="flex items-center gap-3">
          <Button type="submit" busy={change.isPending}>
            Change password
          </Button>
          {change.isSuccess && <span className="text-ok">Changed. Other devices are signed out.</span>}
        </div>
      </form>
    </Panel>
  )
}

function focusFirstMistake(form: HTMLFormElement | null): void {
  form?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus()
}
