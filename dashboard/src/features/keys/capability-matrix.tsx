/** Rows of channel patterns, columns of operations. Below 640 px each row becomes a block. */
import { Plus, Trash2 } from 'lucide-react'
import { useId } from 'react'
import { Button } from '#/ui/button'
import { cx } from '#/ui/cx'
import { inputClass } from '#/ui/field'
import { OPERATIONS, type Operation, type Row } from './capabilities'

interface CapabilityMatrixProps {
  rows: readonly Row[]
  onChange: (rows: readonly Row[]) => void
  mistakes: ReadonlyMap<number, string>
  /** The row that decided the test, counted from 1. */
  highlighted: number | null
}

export function CapabilityMatrix({ rows, onChange, mistakes, highlighted }: CapabilityMatrixProps) {
  const change = (id: number, part: Partial<Row>) =>
    onChange(rows.map((row) => (row.id === id ? { ...row, ...part } : row)))
  const add = () => {
    const id = Math.max(0, ...rows.map((row) => row.id)) + 1
    onChange([...rows, { id, pattern: '', operations: ['subscribe'] }])
  }

  return (
    <fieldset>
      <legend className="mb-1 font-medium">Capabilities</legend>
      <p className="mb-2 text-xs text-muted">
        A channel gets what any matching row allows. <code className="font-mono">*</code> stands for any characters.
      </p>
      <ol className="divide-y divide-line rounded-md border border-control">
        {rows.map((row, at) => (
          <MatrixRow
            key={row.id}
            row={row}
            number={at + 1}
            mistake={mistakes.get(row.id)}
            highlighted={highlighted === at + 1}
            change={(part) => change(row.id, part)}
            remove={() => onChange(rows.filter((other) => other.id !== row.id))}
          />
        ))}
        <li className="p-2">
          <Button look="ghost" size="sm" onClick={add}>
            <Plus size={14} aria-hidden /> Add a row
          </Button>
        </li>
      </ol>
    </fieldset>
  )
}

interface MatrixRowProps {
  row: Row
  number: number
  mistake: string | undefined
  highlighted: boolean
  change: (part: Partial<Row>) => void
  remove: () => void
}

function MatrixRow({ row, number, mistake, highlighted, change, remove }: MatrixRowProps) {
  const id = useId()
  const toggle = (operation: Operation) => {
    const on = row.operations.includes(operation)
    const chosen = on ? row.operations.filter((other) => other !== operation) : [...row.operations, operation]
    change({ operations: OPERATIONS.map((known) => known.id).filter((known) => chosen.includes(known)) })
  }
  return (
    <li className={cx('p-2.5', highlighted && 'bg-accent-soft')} data-highlighted={highlighted || undefined}>
      <div className="flex items-center gap-2">
        <span aria-hidden="true" className="w-4 text-center text-xs text-muted tabular-nums">
          {number}
        </span>
        <input
          aria-label={`Channel pattern of row ${number}`}
          aria-invalid={mistake ? true : undefined}
          aria-describedby={mistake ? `${id}-mistake` : undefined}
          value={row.pattern}
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="none"
          placeholder="chat.*"
          onChange={(event) => change({ pattern: event.target.value })}
          className={cx(inputClass(Boolean(mistake), 'h-8 w-full'), 'font-mono pointer-fine:text-xs')}
        />
        <Button look="ghost" size="icon" aria-label={`Remove row ${number}`} onClick={remove}>
          <Trash2 size={14} aria-hidden />
        </Button>
      </div>
      <div className="mt-1.5 grid grid-cols-2 gap-x-2 pl-6 min-[400px]:grid-cols-3 sm:grid-cols-6">
        {OPERATIONS.map((operation) => (
          <label key={operation.id} className="flex min-h-7 items-center gap-1.5 text-xs" title={operation.hint}>
            <input
              type="checkbox"
              checked={row.operations.includes(operation.id)}
              onChange={() => toggle(operation.id)}
              className="size-3.5 accent-accent"
            />
            {operation.id}
          </label>
        ))}
      </div>
      {mistake && (
        <p id={`${id}-mistake`} className="mt-1.5 pl-6 text-xs text-danger">
          {mistake}
        </p>
      )}
    </li>
  )
}
