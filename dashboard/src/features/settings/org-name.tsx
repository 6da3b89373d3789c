import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '#/api/client'
import { asProblem } from '#/api/problem'
import { sessionQuery } from '#/api/queries'
import type { Session } from '#/api/types'
import { announce } from '#/ui/announce'
import { Button } from '#/ui/button'
import { Field } from '#/ui/field'
import { Panel } from '#/ui/panel'
import { ProblemNotice } from '#/ui/problem-notice'

export function OrgName({ session }: { session: Session }) {
  const queryClient = useQueryClient()
  const [name, setName] = useState(session.org.name)
  const [empty, setEmpty] = useState(false)
  const trimmed = name.trim()
  const rename = useMutation({
    mutationFn: api.renameOrg,
    onSuccess: (org) => {
      queryClient.setQueryData<Session>(sessionQuery.queryKey, (session) => session && { ...session, org })
      announce(`Organisation renamed to ${org.name}`)
    },
  })

  const submit = (event: FormEvent) => {
    event.preventDefault()
    setEmpty(trimmed === '')
    if (trimmed !== '' && trimmed !== session.org.name) rename.mutate(trimmed)
  }

  return (
    <Panel title="Organisation">
      <form onSubmit={submit} noValidate className="px-4 py-3">
        <div className="flex flex-wrap items-start gap-2">
          <Field
            label="Name"
            name="organisation"
            autoComplete="organization"
            maxLength={80}
            value={name}
            error={empty ? 'Give the organisation a name.' : undefined}
            onChange={(event) => setName(event.target.value)}
            className="min-w-0 flex-1 basis-52"
          />
          <Button type="submit" busy={rename.isPending} disabled={trimmed === session.org.name} className="mt-6 h-9">
            Rename
          </Button>
        </div>
        {rename.error && (
          <div className="mt-3">
            <ProblemNotice problem={asProblem(rename.error)} />
          </div>
        )}
      </form>
    </Panel>
  )
}
