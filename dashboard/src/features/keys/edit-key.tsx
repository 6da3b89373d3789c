/** The drawer that changes a key: its name, what it may do, from where and until when. Its id and secret stay. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api } from '#/api/client'
import { keysQuery } from '#/api/queries'
import type { App, Key } from '#/api/types'
import { announce } from '#/ui/announce'
import { Drawer } from '#/ui/dialog'
import { editMistakesOf, formOf, patchOf } from './edited-key'
import { KeyFormFields } from './key-form'
import type { KeyForm } from './new-key'

interface EditKeyProps {
  app: App
  item: Key
  close: () => void
}

export function EditKey({ app, item, close }: EditKeyProps) {
  const queryClient = useQueryClient()
  const save = useMutation({
    mutationFn: (form: KeyForm) => api.patchKey(app.id, item.id, patchOf(item, form, Date.now())),
    onSuccess: (saved) => {
      void queryClient.invalidateQueries({ queryKey: keysQuery(app.id).queryKey, exact: true })
      announce(`Key ${saved.name} changed`)
      close()
    },
  })

  return (
    <Drawer open onOpenChange={(open) => open || close()} title={`Edit ${item.name}`} holdsInput>
      <KeyFormFields
        initial={formOf(item)}
        check={(form, now) => editMistakesOf(item, form, now)}
        send={save}
        cancel={close}
        action="Save"
      >
        <p className="text-muted">
          Changes hold within 2 seconds, also for tokens that the key has signed: a token can never do more than its
          key.
        </p>
      </KeyFormFields>
    </Drawer>
  )
}
