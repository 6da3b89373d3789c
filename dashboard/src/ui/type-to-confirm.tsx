/** For what cannot be undone: the name must be typed before the button works. */
import { type FormEvent, type ReactNode, useState } from 'react'
import type { ApiProblem } from '#/api/problem'
import { Button } from './button'
import { Field } from './field'
import { ProblemNotice } from './problem-notice'

interface TypeToConfirmProps {
  /** What must be typed. */
  name: string
  /** The button's words, such as "Revoke key". */
  action: string
  busy: boolean
  problem: ApiProblem | null
  confirm: () => void
  cancel: () => void
  /** What will happen. */
  children: ReactNode
}

export function TypeToConfirm({ name, action, busy, problem, confirm, cancel, children }: TypeToConfirmProps) {
  const [typed, setTyped] = useState('')
  const [wrong, setWrong] = useState(false)

  const submit = (event: FormEvent) => {
    event.preventDefault()
    const matches = typed.trim() === name.trim()
    setWrong(!matches)
    if (matches) confirm()
  }

  return (
    <form onSubmit={submit} noValidate className="space-y-4">
      {children}
      <Field
        label={`Type “${name}” to confirm`}
        name="confirm"
        autoComplete="off"
        spellCheck={false}
        value={typed}
        error={wrong ? `That is not “${name}”.` : undefined}
        onChange={(event) => {
          setTyped(event.target.value)
          setWrong(false)
        }}
      />
      {problem && <ProblemNotice problem={problem} />}
      <div className="flex justify-end gap-2">
        <Button look="ghost" onClick={cancel}>
          Cancel
        </Button>
        <Button type="submit" look="danger" busy={busy}>
          {action}
        </Button>
      </div>
    </form>
  )
}
