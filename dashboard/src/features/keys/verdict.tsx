/** "Can this key publish to chat.42?" as a line of controls with the answer under it. */
import { CircleCheck, CircleX } from 'lucide-react'
import { type ReactNode, useId } from 'react'
import { cx } from '#/ui/cx'
import { inputClass } from '#/ui/field'
import { OPERATIONS, type Operation } from './capabilities'

export interface Question {
  operation: Operation
  channel: string
}

interface QuestionFieldsProps {
  question: Question
  onChange: (question: Question) => void
  children: ReactNode
}

export function QuestionFields({ question, onChange, children }: QuestionFieldsProps) {
  const id = useId()
  return (
    <fieldset className="rounded-md bg-sunken p-3">
      <legend className="sr-only">Tester</legend>
      <p className="flex flex-wrap items-center gap-x-2 gap-y-2">
        <label htmlFor={`${id}-operation`}>Can this key</label>
        <select
          id={`${id}-operation`}
          value={question.operation}
          onChange={(event) => onChange({ ...question, operation: event.target.value as Operation })}
          className={inputClass(false, 'h-8')}
        >
          {OPERATIONS.map((operation) => (
            <option key={operation.id} value={operation.id}>
              {operation.id}
            </option>
          ))}
        </select>
        <label htmlFor={`${id}-channel`}>on</label>
        <input
          id={`${id}-channel`}
          aria-label="Channel"
          value={question.channel}
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="none"
          placeholder="chat.42"
          onChange={(event) => onChange({ ...question, channel: event.target.value })}
          className={cx(inputClass(false, 'h-8 w-36'), 'font-mono pointer-fine:text-xs')}
        />
      </p>
      <div role="status" className="mt-2 min-h-5">
        {children}
      </div>
    </fieldset>
  )
}

export function Verdict({ allowed, children }: { allowed: boolean; children: ReactNode }) {
  const Icon = allowed ? CircleCheck : CircleX
  return (
    <p className="flex items-start gap-1.5">
      <Icon size={16} className={cx('mt-0.5 shrink-0', allowed ? 'text-ok' : 'text-danger')} aria-hidden />
      <span className="min-w-0 break-words">{children}</span>
    </p>
  )
}
