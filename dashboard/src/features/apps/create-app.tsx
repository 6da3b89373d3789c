import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { api } from '#/api/client'
import { useIdempotencyKey } from '#/api/idempotency'
import { asProblem } from '#/api/problem'
import type { Environment } from '#/api/types'
import { announce } from '#/ui/announce'
import { Button } from '#/ui/button'
import { RadioCards } from '#/ui/choice'
import { Dialog } from '#/ui/dialog'
import { Field } from '#/ui/field'
import { ProblemNotice } from '#/ui/problem-notice'
import { showApp } from './app-cache'

const ENVIRONMENTS: readonly { value: Environment; label: string; hint: string }[] = [
  {
    value: 'development',
    label: 'Development',
    hint: 'Anonymous clients and client events are allowed, so that a first try just works.',
  },
  { value: 'production', label: 'Production', hint: 'Nothing is allowed until a rule or a token allows it.' },
]

export function CreateApp({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Create app">
      <CreateForm close={() => onOpenChange(false)} />
    </Dialog>
  )
}

function CreateForm({ close }: { close: () => void }) {
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const once = useIdempotencyKey()
  const [name, setName] = useState('')
  const [environment, setEnvironment] = useState<Environment>('development')
  const [empty, setEmpty] = useState(false)

  const create = useMutation({
    mutationFn: (name: string) => {
      const body = { name, environment }
      return api.createApp(body, once(body))
    },
    onSuccess: async ({ app }) => {
      showApp(queryClient, app)
      announce(`App ${app.name} created`)
      await navigate({ to: '/welcome', search: { app: app.id } })
    },
  })

  const submit = (event: FormEvent) => {
    event.preventDefault()
    setEmpty(name.trim() === '')
    if (name.trim() !== '') create.mutate(name.trim())
  }

  return (
    <form onSubmit={submit} noValidate className="space-y-4">
      <Field
        label="Name"
        name="name"
        autoComplete="off"
        maxLength={80}
        placeholder="Chess club"
        value={name}
        error={empty ? 'Give the app a name.' : undefined}
        onChange={(event) => {
          setName(event.target.value)
          setEmpty(false)
        }}
      />
      <RadioCards
        legend="Environment"
        name="environment"
        value={environment}
        options={ENVIRONMENTS}
        onChange={setEnvironment}
      />
      {create.error && <ProblemNotice problem={asProblem(create.error)} />}
      <div className="flex justify-end gap-2">
        <Button look="ghost" onClick={close}>
          Cancel
        </Button>
        <Button type="submit" look="primary" busy={create.isPending}>
          Create app
        </Button>
      </div>
    </form>
  )
}
