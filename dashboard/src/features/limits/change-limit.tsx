/** Sets a limit of the app below what its plan gives, or takes the plan's again. */
import { type FormEvent, useState } from 'react'
import { asProblem } from '#/api/problem'
import type { App, Limit } from '#/api/types'
import { usePatchApp } from '#/features/apps/use-patch-app'
import { Button } from '#/ui/button'
import { Dialog } from '#/ui/dialog'
import { Field } from '#/ui/field'
import { ProblemNotice } from '#/ui/problem-notice'
import { formatLimit, inputUnit, mistakeOf } from './limit-words'

interface ChangeLimitProps {
  app: App
  limit: Limit
  close: () => void
}

export function ChangeLimit({ app, limit, close }: ChangeLimitProps) {
  const { factor, unit } = inputUnit(limit.unit)
  const [text, setText] = useState(limit.value === null ? '' : String(limit.value / factor))
  const [checked, setChecked] = useState(false)
  const patch = usePatchApp(app, close)
  const mistake = mistakeOf(text, limit)
  const set = (value: number | null, said: string) => patch.mutate({ patch: { limits: { [limit.name]: value } }, said })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setChecked(true)
    if (!mistake) set(Math.round(Number(text) * factor), `${limit.title}: changed`)
  }
  return (
    <Dialog open onOpenChange={(open) => open || close()} title={limit.title}>
      <form onSubmit={submit} noValidate className="space-y-4">
        <p className="text-muted">{limit.when_reached}</p>
        <Field
          label={`At most, in ${unit}`}
          name="limit"
          inputMode="decimal"
          autoComplete="off"
          value={text}
          error={checked ? mistake : undefined}
          hint={`The plan has ${formatLimit(limit.plan_value, limit.unit)}. An app may set less for itself, never more. It holds within 2 seconds.`}
          onChange={(event) => setText(event.target.value)}
        />
        {patch.error && <ProblemNotice problem={asProblem(patch.error)} />}
        <div className="flex flex-wrap justify-end gap-2">
          {limit.tightened && (
            <Button look="ghost" onClick={() => set(null, `${limit.title}: as in the plan`)} disabled={patch.isPending}>
              Take the plan’s
            </Button>
          )}
          <Button look="ghost" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" look="primary" busy={patch.isPending}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
