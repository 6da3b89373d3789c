/** The drawer that changes a key: its name, what it may do, from where and until when. Its id and secret stay. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useRef, useState } from 'react'
import { api } from '#/api/client'
import { asProblem } from '#/api/problem'
import { keysQuery } from '#/api/queries'
import type { App, Key } from '#/api/types'
import { announce } from '#/ui/announce'
import { Button } from '#/ui/button'
import { RadioCards } from '#/ui/choice'
import { Drawer, DrawerActions, DrawerBody } from '#/ui/dialog'
import { Field } from '#/ui/field'
import { ProblemNotice } from '#/ui/problem-notice'
import { editMistakesOf, formOf, patchOf } from './edited-key'
import { Expiry, Origins, Permissions } from './key-fields'
import { isRight, type KeyForm, type Mistakes, PRESETS } from './new-key'

interface EditKeyProps {
  app: App
  item: Key
  close: () => void
}

export function EditKey({ app, item, close }: EditKeyProps) {
  const queryClient = useQueryClient()
  const [form, setForm] = useState<KeyForm>(() => formOf(item))
  const [checked, setChecked] = useState(false)
  const element = useRef<HTMLFormElement>(null)
  const mistakes = editMistakesOf(item, form, Date.now())
  const shown: Mistakes = checked ? mistakes : { rows: new Map() }
  const change = (part: Partial<KeyForm>) => setForm((form) => ({ ...form, ...part }))

  const save = useMutation({
    mutationFn: () => api.patchKey(app.id, item.id, patchOf(item, form, Date.now())),
    onSuccess: (saved) => {
      void queryClient.invalidateQueries({ queryKey: keysQuery(app.id).queryKey, exact: true })
      announce(`Key ${saved.name} changed`)
      close()
    },
  })

  const submit = (event: FormEvent) => {
    event.preventDefault()
    setChecked(true)
    if (isRight(mistakes)) return save.mutate()
    requestAnimationFrame(() => element.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus())
  }

  return (
    <Drawer open onOpenChange={(open) => open || close()} title={`Edit ${item.name}`} holdsInput>
      <form ref={element} onSubmit={submit} noValidate className="flex min-h-0 flex-1 flex-col">
        <DrawerBody>
          <Field
            label="Name"
            name="name"
            autoComplete="off"
            maxLength={80}
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
          <p className="text-muted">
            Changes hold within 2 seconds, also for tokens that the key has signed: a token can never do more than its
            key.
          </p>
          {save.error && <ProblemNotice problem={asProblem(save.error)} />}
        </DrawerBody>
        <DrawerActions>
          <Button look="ghost" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" look="primary" busy={save.isPending}>
            Save
          </Button>
        </DrawerActions>
      </form>
    </Drawer>
  )
}
