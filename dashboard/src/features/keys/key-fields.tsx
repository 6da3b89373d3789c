/** What a key may do, from where and until when: the fields that making and editing a key share. */
import { useId, useState } from 'react'
import { Select } from '#/ui/choice'
import { cx } from '#/ui/cx'
import { Field, FieldError, inputClass } from '#/ui/field'
import { grantingRow, rowsOf } from './capabilities'
import { CapabilityMatrix } from './capability-matrix'
import { EXPIRIES, effectiveCapabilities, type KeyForm, type Mistakes } from './new-key'
import { type Question, QuestionFields, Verdict } from './verdict'

interface PartProps {
  form: KeyForm
  change: (part: Partial<KeyForm>) => void
}

/** The matrix, when it is asked for, and the tester, which marks the row that decides. */
export function Permissions({ form, change, mistakes }: PartProps & { mistakes: Mistakes }) {
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

export function Origins({ form, change, mistake }: PartProps & { mistake: string | undefined }) {
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

export function Expiry({ form, change, mistake }: PartProps & { mistake: string | undefined }) {
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
