/** A labelled input whose hint and error are tied to it, so that a screen reader reads them with the field. */
import { CircleAlert, Eye, EyeOff } from 'lucide-react'
import { type ComponentProps, type ReactNode, useId, useState } from 'react'
import { cx } from './cx'

interface FieldProps extends Omit<ComponentProps<'input'>, 'id'> {
  label: string
  hint?: ReactNode
  error?: ReactNode
  /** Something inside the input's right edge, such as a show-password button. */
  trailing?: ReactNode
}

export function Field({ label, hint, error, trailing, className, ...input }: FieldProps) {
  const id = useId()
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ')
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1 block font-medium">
        {label}
      </label>
      <div className="relative">
        <input
          {...input}
          id={id}
          aria-invalid={error ? true : undefined}
          aria-describedby={described || undefined}
          className={cx(inputClass(Boolean(error)), trailing ? 'pr-10' : '')}
        />
        {trailing && <div className="absolute inset-y-0 right-1 flex items-center">{trailing}</div>}
      </div>
      {error && <FieldError id={`${id}-error`}>{error}</FieldError>}
      {hint && (
        <div id={`${id}-hint`} className="mt-1.5 text-xs text-muted">
          {hint}
        </div>
      )}
    </div>
  )
}

export function FieldError({ id, children }: { id: string; children: ReactNode }) {
  return (
    <p id={id} className="mt-1.5 flex items-start gap-1.5 text-xs text-danger">
      <CircleAlert size={14} className="mt-px shrink-0" aria-hidden />
      <span>{children}</span>
    </p>
  )
}

export function PasswordField(props: Omit<FieldProps, 'trailing' | 'type'>) {
  const [shown, setShown] = useState(false)
  const Icon = shown ? EyeOff : Eye
  return (
    <Field
      {...props}
      type={shown ? 'text' : 'password'}
      spellCheck={false}
      autoCapitalize="none"
      trailing={
        <button
          type="button"
          aria-pressed={shown}
          aria-label="Show password"
          title={shown ? 'Hide password' : 'Show password'}
          onClick={() => setShown(!shown)}
          className="flex size-7 items-center justify-center rounded-sm text-muted hover:text-ink"
        >
          <Icon size={16} aria-hidden />
        </button>
      }
    />
  )
}

export function inputClass(invalid: boolean, size = 'h-9 w-full'): string {
  return cx(
    size,
    'rounded-md border bg-surface px-3 text-ink placeholder:text-faint',
    'focus-visible:outline-offset-0',
    invalid ? 'border-danger' : 'border-control',
  )
}
