/** The drawer that makes a key: what it may do, from where, until when, tried out before it exists. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useRef, useState } from 'react'
import { api } from '#/api/client'
import { useIdempotencyKey } from '#/api/idempotency'
import { asProblem } from '#/api/problem'
import { keysQuery } from '#/api/queries'
import type { App, CreatedKey } from '#/api/types'
import { announce } from '#/ui/announce'
import { Button } from '#/ui/button'
import { RadioCards } from '#/ui/choice'
import { Drawer, DrawerActions, DrawerBody } from '#/ui/dialog'
import { Field } from '#/ui/field'
import { ProblemNotice } from '#/ui/problem-notice'
import { Expiry, Origins, Permissions } from './key-fields'
import { EMPTY_FORM, isRight, type KeyForm, type Mistakes, mistakesOf, PRESETS, requestOf } from './new-key'
import { NewSecret } from './new-secret'

interface CreateKeyProps {
  app: App
  open: boolean
  onOpenChange: (open: boolean) => void
}

export function CreateKey({ app, open, onOpenChange }: CreateKeyProps) {
  const [created, setCreated] = useState<CreatedKey | null>(null)
  const change = (open: boolean) => {
    onOpenChange(open)
    setCreated(null)
  }
  return (
    <Drawer open={open} onOpenChange={change} title={created ? 'Key created' : 'Create key'} holdsInput>
      {created ? (
        <Created app={app} created={created} close={() => change(false)} />
      ) : (
        <CreateForm app={app} done={setCreated} cancel={() => change(false)} />
      )}
    </Drawer>
  )
}

function Created({ app, created, close }: { app: App; created: CreatedKey; close: () => void }) {
  return (
    <>
      <DrawerBody>
        <p>
          <strong>{created.key.name}</strong> works at once. Keep its secret on servers, and out of version control.
        </p>
        <NewSecret app={app} item={created.key} secret={created.secret} />
        <p className="text-muted">
          You can see the secret again on the keys page, after entering your password. Every look at it is in the audit
          log.
        </p>
      </DrawerBody>
      <DrawerActions>
        <Button look="primary" onClick={close} autoFocus>
          I stored it
        </Button>
      </DrawerActions>
    </>
  )
}

interface CreateFormProps {
  app: App
  done: (created: CreatedKey) => void
  cancel: () => void
}

function CreateForm({ app, done, cancel }: CreateFormProps) {
  const queryClient = useQueryClient()
  const once = useIdempotencyKey()
  const [form, setForm] = useState<KeyForm>(EMPTY_FORM)
  const [checked, setChecked] = useState(false)
  const element = useRef<HTMLFormElement>(null)
  const mistakes = mistakesOf(form, Date.now())
  const shown: Mistakes = checked ? mistakes : { rows: new Map() }
  const change = (part: Partial<KeyForm>) => setForm((form) => ({ ...form, ...part }))

  const create = useMutation({
    mutationFn: () => {
      const body = requestOf(form, Date.now())
      return api.createKey(app.id, body, once(form))
    },
    onSuccess: (created) => {
      void queryClient.invalidateQueries({ queryKey: keysQuery(app.id).queryKey, exact: true })
      announce(`Key ${created.key.name} created`)
      done(created)
    },
  })

  const submit = (event: FormEvent) => {
    event.preventDefault()
    setChecked(true)
    if (isRight(mistakes)) return create.mutate()
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
          placeholder="orders service"
          hint="One key for each service makes rotation painless."
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
        {create.error && <ProblemNotice problem={asProblem(create.error)} />}
      </DrawerBody>
      <DrawerActions>
        <Button look="ghost" onClick={cancel}>
          Cancel
        </Button>
        <Button type="submit" look="primary" busy={create.isPending}>
          Create key
        </Button>
      </DrawerActions>
    </form>
  )
}
