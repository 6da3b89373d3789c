/** The drawer that makes a key: what it may do, from where, until when, tried out before it exists. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '#/api/client'
import { useIdempotencyKey } from '#/api/idempotency'
import { keysQuery } from '#/api/queries'
import type { App, CreatedKey } from '#/api/types'
import { announce } from '#/ui/announce'
import { Button } from '#/ui/button'
import { Drawer, DrawerActions, DrawerBody } from '#/ui/dialog'
import { KeyFormFields } from './key-form'
import { EMPTY_FORM, type KeyForm, mistakesOf, requestOf } from './new-key'
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
  const create = useMutation({
    mutationFn: (form: KeyForm) => api.createKey(app.id, requestOf(form, Date.now()), once(form)),
    onSuccess: (created) => {
      void queryClient.invalidateQueries({ queryKey: keysQuery(app.id).queryKey, exact: true })
      announce(`Key ${created.key.name} created`)
      done(created)
    },
  })

  return (
    <KeyFormFields
      initial={EMPTY_FORM}
      check={mistakesOf}
      send={create}
      cancel={cancel}
      action="Create key"
      namePlaceholder="orders service"
      nameHint="One key for each service makes rotation painless."
    />
  )
}
