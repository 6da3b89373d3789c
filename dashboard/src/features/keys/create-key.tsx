/** The drawer that makes a key: what it may do, from where, until when, tried out before it exists. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useId, useRef, useState } from 'react'
import { api } from '#/api/client'
import { useIdempotencyKey } from '#/api/idempotency'
import { asProblem } from '#/api/problem'
import { keysQuery } from '#/api/queries'
import type { App, CreatedKey } from '#/api/types'
import { announce } from '#/ui/announce'
import { Button } from '#/ui/button'
import { RadioCards, Select } from '#/ui/choice'
import { cx } from '#/ui/cx'
import { Drawer, DrawerActions, DrawerBody } from '#/ui/dialog'
import { Field, FieldError, inputClass } from '#/ui/field'
import { ProblemNotice } from '#/ui/problem-notice'
import { grantingRow, rowsOf } from './capabilities'
import { CapabilityMatrix } from './capability-matrix'
import {
  EMPTY_FORM,
  EXPIRIES,
  effectiveCapabilities,
  isRight,
  type KeyForm,
  type Mistakes,
  mistakesOf,
  PRESETS,
  requestOf,
} from './new-key'
import { NewSecret } from './new-secret'
import { type Question, QuestionFields, Verdict } from './verdict'

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

interface PartProps {
  form: KeyForm
  change: (part: Partial<KeyForm>) => void
}

/** The matrix, when it is asked for, and the tester, which marks the row that decides. */
function Permissions({ form, change, mistakes }: PartProps & { mistakes: Mistakes }) {
  const [question, setQuestion] = useState<Question>({ operation: 'publish', channel: '' })
  const rows = form.preset === 'custom' ? form.rows : rowsOf(effectiveCapabilities(form))
  const channel = question.channel.trim()
  const row = channel === '' ? null : grantingRow(rows, question.operation, channel)
  return (
    <>
      {form.preset === 'custom' && (
        <div>
          <CapabilityMatrix
            rows={form.rows}
            onChange={(rows) => change({ rows })}
            mistakes={mistakes.rows}
            highlighted={row}
          />
          {mistakes.noRows && <FieldError id="no-rows">{mistakes.noRows}</FieldError>}
        </div>
      )}
      <QuestionFields question={question} onChange={setQuestion}>
        {channel === '' ? (
          <span className="text-xs text-muted">Type a channel to try what you have chosen.</span>
        ) : row === null ? (
          <Verdict allowed={false}>No: no row allows it.</Verdict>
        ) : form.preset === 'custom' ? (
          <Verdict allowed>
            Yes, by row {row}, <code className="font-mono text-xs">{rows[row - 1]?.pattern}</code>.
          </Verdict>
        ) : (
          <Verdict allowed>Yes.</Verdict>
        )}
      </QuestionFields>
    </>
  )
}

function Origins({ form, change, mistake }: PartProps & { mistake: string | undefined }) {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="mb-1 block font-medium">
        Allowed origins <span className="font-normal text-muted">(optional)</span>
      </label>
      <textarea
        id={id}
        name="origins"
        rows={2}
        spellCheck={false}
        autoCapitalize="none"
        placeholder="https://app.example.com"
        value={form.origins}
        aria-invalid={mistake ? true : undefined}
        aria-describedby={`${id}-hint${mistake ? ` ${id}-error` : ''}`}
        onChange={(event) => change({ origins: event.target.value })}
        className={cx(inputClass(Boolean(mistake), 'w-full'), 'resize-y py-1.5 font-mono pointer-fine:text-xs')}
      />
      {mistake && <FieldError id={`${id}-error`}>{mistake}</FieldError>}
      <p id={`${id}-hint`} className="mt-1.5 text-xs text-muted">
        Web pages that may connect with this key, one per line. None means any. Servers send no origin and are not
        concerned.
      </p>
    </div>
  )
}

function Expiry({ form, change, mistake }: PartProps & { mistake: string | undefined }) {
  return (
    <div className="flex flex-wrap items-start gap-3">
      <Select
        label="Expires"
        name="expiry"
        value={form.expiry}
        onChange={(event) => change({ expiry: event.target.value as KeyForm['expiry'] })}
        className="w-44"
      >
        {EXPIRIES.map((expiry) => (
          <option key={expiry.value} value={expiry.value}>
            {expiry.label}
          </option>
        ))}
      </Select>
      {form.expiry === 'date' && (
        <Field
          label="Last day"
          name="date"
          type="date"
          value={form.date}
          error={mistake}
          onChange={(event) => change({ date: event.target.value })}
          className="w-44"
        />
      )}
    </div>
  )
}
