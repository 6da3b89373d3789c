/** The form of a key, in the drawers that make one and change one. Mistakes show once the first attempt was made. */
import { type FormEvent, type ReactNode, useRef, useState } from 'react'
import { asProblem } from '#/api/problem'
import { Button } from '#/ui/button'
import { RadioCards } from '#/ui/choice'
import { DrawerActions, DrawerBody } from '#/ui/dialog'
import { Field } from '#/ui/field'
import { ProblemNotice } from '#/ui/problem-notice'
import { Expiry, Origins, Permissions } from './key-fields'
import { isRight, type KeyForm, type Mistakes, PRESETS } from './new-key'

interface KeyFormFieldsProps {
  initial: KeyForm
  check: (form: KeyForm, now: number) => Mistakes
  /** The mutation that a right form is given to. */
  send: { mutate: (form: KeyForm) => void; isPending: boolean; error: unknown }
  cancel: () => void
  /** What the button says. */
  action: string
  namePlaceholder?: string
  nameHint?: string
  /** Below the fields. */
  children?: ReactNode
}

export function KeyFormFields(props: KeyFormFieldsProps) {
  const { initial, check, send, cancel, action, namePlaceholder, nameHint, children } = props
  const [form, setForm] = useState(initial)
  const [checked, setChecked] = useState(false)
  const element = useRef<HTMLFormElement>(null)
  const mistakes = check(form, Date.now())
  const shown: Mistakes = checked ? mistakes : { rows: new Map() }
  const change = (part: Partial<KeyForm>) => setForm((form) => ({ ...form, ...part }))

  const submit = (event: FormEvent) => {
    event.preventDefault()
    setChecked(true)
    if (isRight(mistakes)) return send.mutate(form)
    requestAnimationFrame(() => element.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus())
  }

  return (
    <form ref={element} onSubmit={submit} noValidate className="flex min-h-0 flex-1 flex-col">
      <DrawerBody>
        <Field
          label="Name"
          name="name"
          autoComplete="off"
          maxLength={80}
          placeholder={namePlaceholder}
          hint={nameHint}
          value={form.name}
          error={shown.name}
          onChange={(event) => change({ name: event.target.value })}
        />
        <RadioCards
          legend="What it may do"
          name="preset"
          value={form.preset}
          options={PRESETS}
          onChange={(preset) => change({ preset })}
        />
        <Permissions form={form} change={change} mistakes={shown} />
        <Origins form={form} change={change} mistake={shown.origins} />
        <Expiry form={form} change={change} mistake={shown.date} />
        {children}
        {!!send.error && <ProblemNotice problem={asProblem(send.error)} />}
      </DrawerBody>
      <DrawerActions>
        <Button look="ghost" onClick={cancel}>
          Cancel
        </Button>
        <Button type="submit" look="primary" busy={send.isPending}>
          {action}
        </Button>
      </DrawerActions>
    </form>
  )
}
