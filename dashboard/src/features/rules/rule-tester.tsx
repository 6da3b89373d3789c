/** Which rule decides about a channel, asked of the server with the rules as they stand on the page, saved or not. */
import { useQuery } from '@tanstack/react-query'
import { useId } from 'react'
import { api } from '#/api/client'
import { asProblem } from '#/api/problem'
import type { App, RuleVerdict } from '#/api/types'
import { cx } from '#/ui/cx'
import { inputClass } from '#/ui/field'
import { useDebounced } from '#/ui/use-debounced'
import { type Draft, describeSettings, rulesOf } from './draft'

export interface RuleTest {
  verdict: RuleVerdict | null
  problem: string | null
}

export function useRuleTest(app: App, channel: string, draft: Draft): RuleTest {
  const rules = rulesOf(draft, 0)
  const asked = useDebounced(channel.trim())
  const text = useDebounced(JSON.stringify(rules))
  const test = useQuery({
    queryKey: ['apps', app.id, 'rule-test', asked, text],
    queryFn: () => api.testRules(app.id, asked, JSON.parse(text)),
    enabled: asked !== '',
    retry: false,
    staleTime: 10_000,
    gcTime: 30_000,
    placeholderData: (before) => before,
  })
  if (asked === '' || channel.trim() === '') return { verdict: null, problem: null }
  if (test.error) return { verdict: null, problem: asProblem(test.error).detail }
  return { verdict: test.data ?? null, problem: null }
}

interface RuleTesterProps {
  channel: string
  onChange: (channel: string) => void
  test: RuleTest
}

export function RuleTester({ channel, onChange, test }: RuleTesterProps) {
  const id = useId()
  return (
    <div className="mb-4 rounded-lg border border-line bg-surface px-4 py-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <label htmlFor={id} className="font-medium">
          Which rule decides about
        </label>
        <input
          id={id}
          value={channel}
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="none"
          placeholder="private-chat.42"
          onChange={(event) => onChange(event.target.value)}
          className={cx(inputClass(false, 'h-8 w-72 max-w-full'), 'font-mono pointer-fine:text-xs')}
        />
      </div>
      <div role="status" className="mt-1.5 min-h-5 text-muted">
        {test.problem && <span className="text-danger">{test.problem}</span>}
        {test.verdict && (
          <>
            {test.verdict.why}{' '}
            <span className="text-ink">In force: {describeSettings(test.verdict.settings).join(', ')}.</span>
          </>
        )}
        {!test.problem && !test.verdict && 'Type a channel name. Unsaved changes are taken into account.'}
      </div>
    </div>
  )
}
