/** One rule's pattern and settings. Nothing is saved here: the page saves all rules at once. */
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { limitsQuery } from '#/api/queries'
import type { App, RuleSettings } from '#/api/types'
import { Button } from '#/ui/button'
import { Select, Switch } from '#/ui/choice'
import { Drawer, DrawerActions, DrawerBody } from '#/ui/dialog'
import { Field } from '#/ui/field'
import { formatBytes, formatCount, formatDuration } from '#/ui/format'
import { patternMistake } from '#/ui/pattern'

/** What the server keeps of every channel in any case. */
const HISTORY_MIN = { count: 100, ttl_ms: 120_000 }
const HISTORY_COUNT_MAX = 10_000
const HOURS = 3_600_000
const KEPT_FOR = [120_000, 600_000, HOURS, 2 * HOURS, 24 * HOURS, 72 * HOURS]
const DURABILITY_HINTS = {
  fast: 'A message can be lost with the Redis primary in the moment before it is passed on; everyone who missed it is told.',
  replicated:
    'Takes a Redis with a replica, and a little longer. Without a confirmation within half a second the message is stored and delivered, and the publisher is told to repeat it with the same id.',
} satisfies Record<RuleSettings['durability'], string>
const GRACES = [0, 5_000, 15_000, 30_000, 60_000, 120_000]

interface Edited {
  /** Null for the default rule. */
  pattern: string | null
  settings: RuleSettings
}

interface RuleEditorProps {
  app: App
  rule: Edited
  /** The patterns of the other rules. */
  taken: readonly string[]
  isNew: boolean
  apply: (rule: Edited) => void
  remove: () => void
  close: () => void
}

export function RuleEditor({ app, rule, taken, isNew, apply, remove, close }: RuleEditorProps) {
  const limits = useQuery(limitsQuery(app.id)).data?.items
  const limitOf = (name: string) => limits?.find((limit) => limit.name === name)?.value ?? null
  const historyMax = limitOf('history_ttl_ms') ?? 72 * HOURS
  const bytesMax = limitOf('message_bytes')
  const [pattern, setPattern] = useState(rule.pattern ?? '')
  const [settings, setSettings] = useState(rule.settings)
  const [count, setCount] = useState(String(rule.settings.history.count))
  const [bytes, setBytes] = useState(rule.settings.message_bytes === null ? '' : String(rule.settings.message_bytes))
  const [checked, setChecked] = useState(false)
  const change = (part: Partial<RuleSettings>) => setSettings((settings) => ({ ...settings, ...part }))

  const mistakes = {
    pattern:
      rule.pattern === null
        ? undefined
        : (patternMistake(pattern.trim()) ??
          (taken.includes(pattern.trim()) ? 'Another rule has this pattern.' : undefined)),
    count: wholeBetween(count, 0, HISTORY_COUNT_MAX)
      ? undefined
      : `A whole number, at most ${formatCount(HISTORY_COUNT_MAX)}.`,
    bytes:
      bytes.trim() === '' || wholeBetween(bytes, 1, bytesMax ?? Number.MAX_SAFE_INTEGER)
        ? undefined
        : `A whole number of bytes${bytesMax ? `, at most ${formatCount(bytesMax)}, which is the app’s limit` : ''}.`,
  }

  const submit = (event: FormEvent) => {
    event.preventDefault()
    setChecked(true)
    if (Object.values(mistakes).some(Boolean)) return
    apply({
      pattern: rule.pattern === null ? null : pattern.trim(),
      settings: {
        ...settings,
        history: { ...settings.history, count: Number(count) },
        message_bytes: bytes.trim() === '' ? null : Number(bytes),
      },
    })
  }

  const title = rule.pattern === null ? 'Default rule' : isNew ? 'Add rule' : 'Edit rule'
  return (
    <Drawer open onOpenChange={(open) => open || close()} title={title} holdsInput>
      <form onSubmit={submit} noValidate className="flex min-h-0 flex-1 flex-col">
        <DrawerBody>
          {rule.pattern === null ? (
            <p className="text-muted">It decides about every channel that no rule above it matches.</p>
          ) : (
            <Field
              label="Channel pattern"
              name="pattern"
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              placeholder="chat.*"
              value={pattern}
              error={checked ? mistakes.pattern : undefined}
              hint="chat.* also covers private-chat.1 and presence-chat.1. A pattern that begins with private- or presence- covers only those."
              onChange={(event) => setPattern(event.target.value)}
            />
          )}
          <Switch
            label="Anonymous clients"
            hint="A browser with only the key id may subscribe to public channels."
            checked={settings.anonymous}
            onChange={(event) => change({ anonymous: event.target.checked })}
          />
          <Switch
            label="Client events"
            hint="Pusher clients may send events to private and presence channels directly."
            checked={settings.client_events}
            onChange={(event) => change({ client_events: event.target.checked })}
          />
          <fieldset className="space-y-3">
            <legend className="mb-1 font-medium">History</legend>
            <div className="flex flex-wrap items-start gap-3">
              <Field
                label="Messages"
                name="count"
                inputMode="numeric"
                autoComplete="off"
                value={count}
                error={checked ? mistakes.count : undefined}
                onChange={(event) => setCount(event.target.value)}
                className="w-36"
              />
              <Select
                label="Kept for"
                name="ttl"
                value={settings.history.ttl_ms}
                onChange={(event) => change({ history: { ...settings.history, ttl_ms: Number(event.target.value) } })}
                className="w-36"
              >
                {withCurrent(
                  KEPT_FOR.filter((ms) => ms <= historyMax),
                  settings.history.ttl_ms,
                ).map((ms) => (
                  <option key={ms} value={ms}>
                    {formatDuration(ms)}
                  </option>
                ))}
              </Select>
            </div>
            <p className="text-xs text-muted">
              Every channel keeps at least {HISTORY_MIN.count} messages for {formatDuration(HISTORY_MIN.ttl_ms)}, so
              that clients can resume. Storing history adds no message charge; reading it counts one for each message
              returned.
            </p>
          </fieldset>
          <Select
            label="Presence: leave after a lost connection"
            name="grace"
            value={settings.presence_grace_ms ?? 'protocol'}
            hint="A reload within this time does not show as leaving and entering."
            onChange={(event) =>
              change({ presence_grace_ms: event.target.value === 'protocol' ? null : Number(event.target.value) })
            }
          >
            <option value="protocol">As the protocol has it (native 5 s, Pusher at once)</option>
            {withCurrent(GRACES, settings.presence_grace_ms).map((ms) => (
              <option key={ms} value={ms}>
                {ms === 0 ? 'At once' : formatDuration(ms)}
              </option>
            ))}
          </Select>
          <Select
            label="A publish is answered"
            name="durability"
            value={settings.durability}
            hint={DURABILITY_HINTS[settings.durability]}
            onChange={(event) => change({ durability: event.target.value === 'replicated' ? 'replicated' : 'fast' })}
          >
            <option value="fast">Once it is stored (fast)</option>
            <option value="replicated">Once a replica has it too (replicated)</option>
          </Select>
          <Field
            label="Largest message, in bytes"
            name="bytes"
            inputMode="numeric"
            autoComplete="off"
            value={bytes}
            placeholder={bytesMax ? String(bytesMax) : undefined}
            error={checked ? mistakes.bytes : undefined}
            hint={`Empty for the app’s own limit${bytesMax ? `, ${formatBytes(bytesMax)}` : ''}.`}
            onChange={(event) => setBytes(event.target.value)}
          />
        </DrawerBody>
        <DrawerActions>
          {rule.pattern !== null && !isNew && (
            <Button look="danger" onClick={remove} className="mr-auto">
              Remove rule
            </Button>
          )}
          <Button look="ghost" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" look="primary">
            {isNew ? 'Add to the list' : 'Done'}
          </Button>
        </DrawerActions>
      </form>
    </Drawer>
  )
}

function wholeBetween(text: string, min: number, max: number): boolean {
  return /^\d+$/.test(text.trim()) && Number(text) >= min && Number(text) <= max
}

function withCurrent(choices: readonly number[], current: number | null): number[] {
  return [...new Set([...choices, ...(current === null ? [] : [current])])].sort((a, b) => a - b)
}
