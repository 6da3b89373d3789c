/** Native controls in the dashboard's look: the browser brings their keyboard and their meaning. */
import { type ComponentProps, type ReactNode, useId } from 'react'
import { cx } from './cx'
import { inputClass } from './field'

interface SelectProps extends Omit<ComponentProps<'select'>, 'id'> {
  label: string
  hint?: ReactNode
}

export function Select({ label, hint, className, ...select }: SelectProps) {
  const id = useId()
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1 block font-medium">
        {label}
      </label>
      <select {...select} id={id} aria-describedby={hint ? `${id}-hint` : undefined} className={inputClass(false)} />
      {hint && (
        <p id={`${id}-hint`} className="mt-1.5 text-xs text-muted">
          {hint}
        </p>
      )}
    </div>
  )
}

interface SwitchProps extends Omit<ComponentProps<'input'>, 'id' | 'type' | 'role'> {
  label: string
  hint?: ReactNode
}

/** On or off. A checkbox underneath, so that it works in forms and says "on" to a screen reader. */
export function Switch({ label, hint, className, ...input }: SwitchProps) {
  const id = useId()
  return (
    <div className={cx('flex items-start gap-3', className)}>
      <span className="relative mt-0.5 inline-flex h-[18px] w-8 shrink-0">
        <input
          {...input}
          id={id}
          type="checkbox"
          role="switch"
          aria-checked={Boolean(input.checked)}
          aria-describedby={hint ? `${id}-hint` : undefined}
          className="peer absolute inset-0 z-[1] m-0 size-full cursor-pointer appearance-none rounded-full focus-visible:outline-2 focus-visible:outline-offset-2 focus-visible:outline-accent"
        />
        <span
          aria-hidden="true"
          className="absolute inset-0 rounded-full border border-control bg-sunken peer-checked:border-accent peer-checked:bg-accent peer-disabled:opacity-50"
        />
        <span
          aria-hidden="true"
          className="absolute top-[3px] left-[3px] size-3 rounded-full bg-control transition-transform duration-100 peer-checked:translate-x-[14px] peer-checked:bg-on-accent"
        />
      </span>
      <span className="min-w-0">
        <label htmlFor={id} className="font-medium">
          {label}
        </label>
        {hint && (
          <span id={`${id}-hint`} className="block text-xs text-muted">
            {hint}
          </span>
        )}
      </span>
    </div>
  )
}

interface RadioCardsProps<T extends string> {
  legend: string
  name: string
  value: T
  options: readonly { value: T; label: string; hint: string }[]
  onChange: (value: T) => void
}

/** One of a few, each with a sentence on what it means. */
export function RadioCards<T extends string>({ legend, name, value, options, onChange }: RadioCardsProps<T>) {
  const id = useId()
  return (
    <fieldset>
      <legend className="mb-1 font-medium">{legend}</legend>
      <div className="divide-y divide-line rounded-md border border-control">
        {options.map((option) => (
          <div key={option.value} className={cx('flex gap-2.5 px-3 py-2', option.value === value && 'bg-accent-soft')}>
            <input
              type="radio"
              id={`${id}-${option.value}`}
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
              aria-describedby={`${id}-${option.value}-hint`}
              className="mt-[3px] size-3.5 shrink-0 accent-accent"
            />
            <span>
              <label htmlFor={`${id}-${option.value}`} className="font-medium">
                {option.label}
              </label>
              <span id={`${id}-${option.value}-hint`} className="block text-xs text-muted">
                {option.hint}
              </span>
            </span>
          </div>
        ))}
      </div>
    </fieldset>
  )
}

interface SegmentsProps<T extends string> {
  label: string
  value: T
  options: readonly { value: T; label: string }[]
  onChange: (value: T) => void
}

/** A row of small choices, of which one is on. */
export function Segments<T extends string>({ label, value, options, onChange }: SegmentsProps<T>) {
  const name = useId()
  return (
    <fieldset className="inline-flex max-w-full overflow-x-auto rounded-md border border-control p-0.5">
      <legend className="sr-only">{label}</legend>
      {options.map((option) => (
        <label
          key={option.value}
          className={cx(
            'relative flex h-7 cursor-pointer items-center rounded-sm px-2.5 whitespace-nowrap has-focus-visible:outline-2 has-focus-visible:outline-accent',
            option.value === value ? 'bg-accent-soft font-medium text-ink' : 'text-muted hover:text-ink',
          )}
        >
          <input
            type="radio"
            name={name}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
            className="absolute inset-0 m-0 cursor-pointer appearance-none focus-visible:outline-none"
          />
          {option.label}
        </label>
      ))}
    </fieldset>
  )
}
