/** Rules while they are edited: rows with ids that survive reordering, what differs from the saved ones, and what others changed. */
import type { Rule, RuleSettings, Rules } from '#/api/types'
import { formatBytes, formatCount, formatDuration } from '#/ui/format'

export interface DraftRule extends Rule {
  id: number
}

export interface Draft {
  ordered: readonly DraftRule[]
  default: RuleSettings
}

export function draftOf(rules: Rules): Draft {
  return { ordered: rules.ordered.map((rule, id) => ({ ...rule, id })), default: rules.default }
}

export function rulesOf(draft: Draft, version: number): Rules {
  return {
    version,
    ordered: draft.ordered.map(({ pattern, settings }) => ({ pattern, settings })),
    default: draft.default,
  }
}

export function isChanged(draft: Draft, base: Rules): boolean {
  return JSON.stringify(rulesOf(draft, base.version)) !== JSON.stringify(rulesOf(draftOf(base), base.version))
}

export function moved(draft: Draft, from: number, to: number): Draft {
  const ordered = [...draft.ordered]
  const [rule] = ordered.splice(from, 1)
  if (!rule || to < 0 || to > ordered.length) return draft
  ordered.splice(to, 0, rule)
  return { ...draft, ordered }
}

/** In the place of the rule with this id; at the end, which is before the default rule, when there is none. */
export function put(draft: Draft, rule: DraftRule): Draft {
  const known = draft.ordered.some((other) => other.id === rule.id)
  const ordered = known ? draft.ordered.map((other) => (other.id === rule.id ? rule : other)) : [...draft.ordered, rule]
  return { ...draft, ordered }
}

export function without(draft: Draft, id: number): Draft {
  return { ...draft, ordered: draft.ordered.filter((rule) => rule.id !== id) }
}

export function freshId(draft: Draft): number {
  return Math.max(-1, ...draft.ordered.map((rule) => rule.id)) + 1
}

/** Settings as short phrases, what is allowed first. */
export function describeSettings(settings: RuleSettings): string[] {
  return [
    settings.anonymous && 'anonymous clients',
    settings.client_events && 'client events',
    `history ${formatCount(settings.history.count)} for ${formatDuration(settings.history.ttl_ms)}`,
    settings.presence_grace_ms !== null && `leave after ${formatDuration(settings.presence_grace_ms)}`,
    settings.durability === 'replicated' && 'confirmed by a replica',
    settings.message_bytes !== null && `at most ${formatBytes(settings.message_bytes)}`,
  ].filter((phrase) => typeof phrase === 'string')
}

/** What somebody else did to the rules, as sentences: "added chat.*". */
export function changesBetween(before: Rules, after: Rules): string[] {
  const settingsBefore = new Map(before.ordered.map((rule) => [rule.pattern, rule.settings]))
  const patternsAfter = new Set(after.ordered.map((rule) => rule.pattern))
  const changes = [
    ...after.ordered.filter((rule) => !settingsBefore.has(rule.pattern)).map((rule) => `added ${rule.pattern}`),
    ...before.ordered.filter((rule) => !patternsAfter.has(rule.pattern)).map((rule) => `removed ${rule.pattern}`),
    ...after.ordered
      .filter((rule) => differs(settingsBefore.get(rule.pattern), rule.settings))
      .map((rule) => `changed ${rule.pattern}`),
  ]
  const kept = (rules: Rules) =>
    rules.ordered
      .map((rule) => rule.pattern)
      .filter((pattern) => settingsBefore.has(pattern) && patternsAfter.has(pattern))
  if (JSON.stringify(kept(before)) !== JSON.stringify(kept(after))) changes.push('changed the order')
  if (differs(before.default, after.default)) changes.push('changed the default rule')
  return changes
}

function differs(before: RuleSettings | undefined, after: RuleSettings): boolean {
  return before !== undefined && JSON.stringify(before) !== JSON.stringify(after)
}
