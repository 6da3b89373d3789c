/** Audit events in words, and what they changed field by field. */
import type { AuditEvent } from '#/api/types'

const WORDS: Record<string, string> = {
  'account.create': 'created the account',
  'account.seed': 'made the development account',
  'app.create': 'created the app',
  'app.update': 'changed the app',
  'app.delete': 'deleted the app',
  'app.seed': 'made the development app',
  'key.create': 'created the key',
  'key.update': 'changed the key',
  'key.reveal': 'looked at the secret of',
  'key.rotate': 'rotated the key',
  'key.revoke': 'revoked the key',
  'org.update': 'renamed the organisation',
  'password.change': 'changed the password of',
  'rules.replace': 'changed the rules of',
  'session.end': 'signed out the device',
  'session.sudo': 'confirmed the password in',
  'tokens.revoke': 'revoked tokens of',
}

/** An action that this page does not know is shown by its own name. */
export function sayAction(action: string): string {
  return WORDS[action] ?? action
}

export function actorName(actor: AuditEvent['actor']): string {
  if (actor.email) return actor.email
  if (actor.type === 'system') return 'Peal'
  return actor.id ? `${actor.type} ${actor.id}` : actor.type
}

export interface FieldChange {
  field: string
  before?: string
  after?: string
}

/** Only fields that differ. A value that is not an object is one change of its own. */
export function changesOf(event: { before: unknown; after: unknown }): FieldChange[] {
  const before = fieldsOf(event.before)
  const after = fieldsOf(event.after)
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return fields
    .filter((field) => before[field] !== after[field])
    .map((field) => ({ field, ...pick(before[field], after[field]) }))
}

function fieldsOf(value: unknown): Record<string, string> {
  if (value === null || value === undefined) return {}
  if (typeof value !== 'object' || Array.isArray(value)) return { value: print(value) }
  return Object.fromEntries(Object.entries(value).map(([field, part]) => [field, print(part)]))
}

function print(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function pick(before: string | undefined, after: string | undefined): Pick<FieldChange, 'before' | 'after'> {
  return { ...(before !== undefined && { before }), ...(after !== undefined && { after }) }
}
