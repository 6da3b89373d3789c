import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useBlocker } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { useState } from 'react'
import { api } from '#/api/client'
import { asProblem } from '#/api/problem'
import { rulesQuery } from '#/api/queries'
import type { App, Rules } from '#/api/types'
import { announce } from '#/ui/announce'
import { Button } from '#/ui/button'
import { Dialog } from '#/ui/dialog'
import { PageHeader } from '#/ui/page-header'
import { ProblemNotice } from '#/ui/problem-notice'
import { QueryView } from '#/ui/query-view'
import { Conflict } from './conflict'
import { type Draft, draftOf, freshId, isChanged, put, rulesOf, without } from './draft'
import { RuleEditor } from './rule-editor'
import { RuleList } from './rule-list'
import { RuleTester, useRuleTest } from './rule-tester'

const LEAD = 'The first rule whose pattern matches a channel decides about it; the default rule decides about the rest.'

export function RulesPage({ app }: { app: App }) {
  const rules = useQuery(rulesQuery(app.id))
  return (
    <>
      {!rules.data && <PageHeader title="Rules" lead={LEAD} />}
      <QueryView query={rules}>{(saved) => <RulesEditor key={app.id} app={app} saved={saved} />}</QueryView>
    </>
  )
}

function RulesEditor({ app, saved }: { app: App; saved: Rules }) {
  const queryClient = useQueryClient()
  /** What the draft began from. Rules that change elsewhere replace it only while nothing is unsaved here. */
  const [base, setBase] = useState(saved)
  const [draft, setDraft] = useState<Draft>(() => draftOf(saved))
  const [editing, setEditing] = useState<number | 'default' | null>(null)
  const [channel, setChannel] = useState('')
  const [theirs, setTheirs] = useState<Rules | null>(null)
  const changed = isChanged(draft, base)
  const test = useRuleTest(app, channel, draft)
  const winner = test.verdict ? (test.verdict.rule?.number ?? 'default') : null

  const begin = (rules: Rules) => {
    setBase(rules)
    setDraft(draftOf(rules))
    setTheirs(null)
  }
  if (!changed && saved.version !== base.version) begin(saved)

  const save = useMutation({
    mutationFn: (version: number) => api.saveRules(app.id, rulesOf(draft, version)),
    onSuccess: (rules) => {
      queryClient.setQueryData(rulesQuery(app.id).queryKey, rules)
      begin(rules)
      announce('Rules saved')
    },
    onError: async (error) => {
      if (asProblem(error).name === 'version_conflict') setTheirs(await api.rules(app.id))
    },
  })
  const problem = save.error && !theirs ? asProblem(save.error) : null

  return (
    <>
      <PageHeader
        title="Rules"
        lead={LEAD}
        aside={
          <Button onClick={() => setEditing(freshId(draft))}>
            <Plus size={14} aria-hidden /> Add rule
          </Button>
        }
      />
      <RuleTester channel={channel} onChange={setChannel} test={test} />
      {theirs && (
        <Conflict
          mine={draft}
          base={base}
          theirs={theirs}
          busy={save.isPending}
          takeTheirs={() => {
            queryClient.setQueryData(rulesQuery(app.id).queryKey, theirs)
            begin(theirs)
            save.reset()
          }}
          saveMine={() => save.mutate(theirs.version)}
        />
      )}
      <RuleList draft={draft} onChange={setDraft} edit={setEditing} winner={winner} />
      {changed && (
        <div className="sticky bottom-3 mt-3 flex flex-wrap items-center justify-between gap-2 rounded-lg border border-accent bg-surface px-4 py-2.5">
          <p>Unsaved changes. They take effect within 2 seconds of saving.</p>
          <span className="flex gap-2">
            <Button look="ghost" onClick={() => begin(saved)}>
              Discard
            </Button>
            <Button look="primary" busy={save.isPending} onClick={() => save.mutate(base.version)}>
              Save rules
            </Button>
          </span>
          {problem && (
            <div className="w-full">
              <ProblemNotice problem={problem} />
            </div>
          )}
        </div>
      )}
      {editing !== null && (
        <Editor app={app} draft={draft} editing={editing} onChange={setDraft} close={() => setEditing(null)} />
      )}
      <LeaveGuard unsaved={changed} />
    </>
  )
}

interface EditorProps {
  app: App
  draft: Draft
  editing: number | 'default'
  onChange: (draft: Draft) => void
  close: () => void
}

function Editor({ app, draft, editing, onChange, close }: EditorProps) {
  const known = draft.ordered.find((rule) => rule.id === editing)
  const rule = editing === 'default' ? { pattern: null, settings: draft.default } : known
  return (
    <RuleEditor
      app={app}
      rule={rule ?? { pattern: '', settings: draft.default }}
      taken={draft.ordered.filter((other) => other.id !== editing).map((other) => other.pattern)}
      isNew={!rule}
      apply={({ pattern, settings }) => {
        if (editing === 'default') onChange({ ...draft, default: settings })
        else onChange(put(draft, { id: editing, pattern: pattern ?? '', settings }))
        close()
      }}
      remove={() => {
        if (editing !== 'default') onChange(without(draft, editing))
        close()
      }}
      close={close}
    />
  )
}

/** Asks before unsaved rules are left behind, also when the tab is closed. */
function LeaveGuard({ unsaved }: { unsaved: boolean }) {
  const { status, proceed, reset } = useBlocker({
    shouldBlockFn: () => unsaved,
    enableBeforeUnload: () => unsaved,
    withResolver: true,
  })
  return (
    <Dialog open={status === 'blocked'} onOpenChange={(open) => open || reset?.()} title="Leave without saving?">
      <p className="text-muted">The changed rules are not saved yet.</p>
      <div className="mt-4 flex justify-end gap-2">
        <Button look="ghost" onClick={proceed}>
          Leave
        </Button>
        <Button look="primary" onClick={reset} autoFocus>
          Stay here
        </Button>
      </div>
    </Dialog>
  )
}
