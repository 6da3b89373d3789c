/** Asks for the password in place, where something dangerous was asked for more than 15 minutes after signing in. */
import { type FormEvent, useId, useState } from 'react'
import { type ApiProblem, asProblem } from '#/api/problem'
import { Button } from '#/ui/button'
import { PasswordField } from '#/ui/field'
import { ProblemNotice } from '#/ui/problem-notice'

interface PasswordPromptProps {
  /** What the password is wanted for, as in "Enter your password to {purpose}". */
  purpose: string
  email: string
  confirm: (password: string) => Promise<unknown>
  cancel: () => void
}

export function PasswordPrompt({ purpose, email, confirm, cancel }: PasswordPromptProps) {
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [empty, setEmpty] = useState(false)
  const [problem, setProblem] = useState<ApiProblem | null>(null)
  const titleId = useId()
  const wrong = problem?.name === 'bad_credentials'

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setEmpty(password === '')
    if (password === '') return
    setBusy(true)
    setProblem(null)
    try {
      await confirm(password)
    } catch (error) {
      setProblem(asProblem(error))
      setBusy(false)
    }
  }

  return (
    <form
      onSubmit={submit}
      noValidate
      aria-labelledby={titleId}
      className="space-y-3 rounded-md border border-line bg-surface p-3"
      onKeyDown={(event) => event.key === 'Escape' && cancel()}
    >
      <p id={titleId} className="text-muted">
        You signed in more than 15 minutes ago. Enter your password to {purpose}.
      </p>
      {/* For password managers, which look for the account beside the password. */}
      <input type="text" name="username" autoComplete="username" value={email} readOnly hidden />
      <PasswordField
        label="Password"
        name="password"
        autoComplete="current-password"
        autoFocus
        className="max-w-[320px]"
        value={password}
        error={wrong ? 'That is not your password.' : empty ? 'Enter your password.' : undefined}
        onChange={(event) => {
          setPassword(event.target.value)
          setEmpty(false)
          setProblem(null)
        }}
      />
      {problem && !wrong && <ProblemNotice problem={problem} />}
      <div className="flex gap-2">
        <Button type="submit" look="primary" busy={busy}>
          Confirm
        </Button>
        <Button look="ghost" onClick={cancel}>
          Cancel
        </Button>
      </div>
    </form>
  )
}
