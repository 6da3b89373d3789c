import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Dialog } from 'radix-ui'
import { type FormEvent, useState } from 'react'
import { api } from '#/api/client'
import { asProblem } from '#/api/problem'
import { sessionQuery } from '#/api/queries'
import type { App, Session } from '#/api/types'
import { announce } from '#/ui/announce'
import { Button } from '#/ui/button'
import { Field } from '#/ui/field'
import { ProblemNotice } from '#/ui/problem-notice'

interface RenameAppProps {
  app: App
  open: boolean
  onOpenChange: (open: boolean) => void
}

export function RenameApp({ app, open, onOpenChange }: RenameAppProps) {
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-30 animate-appear bg-scrim" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed top-[18vh] left-1/2 z-30 w-[calc(100vw-24px)] max-w-[400px] -translate-x-1/2 animate-appear rounded-lg border border-line bg-surface p-4 focus:outline-none"
        >
          <Dialog.Title className="mb-3 text-base font-semibold">Rename app</Dialog.Title>
          <RenameForm app={app} close={() => onOpenChange(false)} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

function RenameForm({ app, close }: { app: App; close: () => void }) {
  const queryClient = useQueryClient()
  const [name, setName] = useState(app.name)
  const [empty, setEmpty] = useState(false)
  const rename = useMutation({
    mutationFn: (name: string) => api.renameApp(app.id, name),
    onSuccess: (_, name) => {
      queryClient.setQueryData<Session>(sessionQuery.queryKey, (session) => session && renamed(session, app.id, name))
      void queryClient.invalidateQueries(sessionQuery)
      announce(`Renamed to ${name}`)
      close()
    },
  })

  const submit = (event: FormEvent) => {
    event.preventDefault()
    const trimmed = name.trim()
    setEmpty(trimmed === '')
    if (trimmed === '') return
    if (trimmed === app.name) return close()
    rename.mutate(trimmed)
  }

  return (
    <form onSubmit={submit} noValidate className="space-y-4">
      <Field
        label="Name"
        name="name"
        autoComplete="off"
        maxLength={80}
        value={name}
        error={empty ? 'Give the app a name.' : undefined}
        onChange={(event) => setName(event.target.value)}
      />
      {rename.error && <ProblemNotice problem={asProblem(rename.error)} />}
      <div className="flex justify-end gap-2">
        <Button look="ghost" onClick={close}>
          Cancel
        </Button>
        <Button type="submit" look="primary" busy={rename.isPending}>
          Rename
        </Button>
      </div>
    </form>
  )
}

function renamed(session: Session, app: string, name: string): Session {
  return { ...session, apps: session.apps.map((known) => (known.id === app ? { ...known, name } : known)) }
}
