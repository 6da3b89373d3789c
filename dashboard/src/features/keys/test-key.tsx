/** Asks the server what a key may do, with the key's rows beside the answer. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '#/api/client'
import { asProblem } from '#/api/problem'
import type { App, Key } from '#/api/types'
import { cx } from '#/ui/cx'
import { Dialog } from '#/ui/dialog'
import { useDebounced } from '#/ui/use-debounced'
import { OPERATIONS, rowsOf } from './capabilities'
import { type Question, QuestionFields, Verdict } from './verdict'

export function TestKey({ app, item, close }: { app: App; item: Key; close: () => void }) {
  const [question, setQuestion] = useState<Question>({ operation: 'publish', channel: '' })
  const channel = useDebounced(question.channel.trim())
  const asked = channel !== ''
  const test = useQuery({
    queryKey: ['apps', app.id, 'key-test', item.id, question.operation, channel],
    queryFn: () => api.testKey(app.id, item.id, question.operation, channel),
    enabled: asked,
    retry: false,
    staleTime: 10_000,
    gcTime: 30_000,
    placeholderData: (before) => before,
  })
  const rows = rowsOf(item.capabilities)
  const decided = asked && test.data?.allowed ? test.data.by : null

  return (
    <Dialog open onOpenChange={(open) => open || close()} title={`Test ${item.name}`}>
      <QuestionFields question={question} onChange={setQuestion}>
        {!asked && <span className="text-xs text-muted">Type a channel.</span>}
        {asked && test.error && <span className="text-danger">{asProblem(test.error).detail}</span>}
        {asked && !test.error && test.data && (
          <Verdict allowed={test.data.allowed}>
            {test.data.allowed ? `Yes, by row ${rowNumber(rows, test.data.by)}. ` : 'No. '}
            {test.data.reason}
          </Verdict>
        )}
      </QuestionFields>
      <ol aria-label="Capabilities" className="mt-3 divide-y divide-line rounded-md border border-line">
        {rows.map((row, at) => (
          <li
            key={row.pattern}
            className={cx('flex gap-2 px-2.5 py-1.5 text-xs', row.pattern === decided && 'bg-accent-soft')}
            data-highlighted={row.pattern === decided || undefined}
          >
            <span className="w-4 text-center text-muted tabular-nums">{at + 1}</span>
            <code className="min-w-24 font-mono break-all">{row.pattern}</code>
            <span className="text-muted">
              {row.operations.length === OPERATIONS.length ? 'everything' : row.operations.join(', ')}
            </span>
          </li>
        ))}
      </ol>
    </Dialog>
  )
}

function rowNumber(rows: readonly { pattern: string }[], by: string | null): number {
  return rows.findIndex((row) => row.pattern === by) + 1
}
