/** The API's types by the names that pages use. All of them come from docs/openapi.json (`npm run codegen`). */
import type { components } from './schema.gen'

type Schemas = components['schemas']

export type Environment = Schemas['Environment']
export type App = Schemas['App']
export type AppPatch = Schemas['AppPatch']
export type Features = Schemas['Features']
export type Session = Schemas['Session']
export type Role = Schemas['Role']
export type Key = Schemas['Key']
/** Channel pattern to operations, as in a client token's `cap`. */
export type Capabilities = Key['capabilities']
export type CreatedKey = Schemas['CreatedKey']
export type RotatedKey = Schemas['RotatedKey']
export type Rules = Schemas['Rules']
export type Rule = Schemas['Rule']
export type RuleSettings = Schemas['RuleSettings']
export type RuleVerdict = Schemas['RuleTestResult']
export type Limits = Schemas['Limits']
export type Limit = Schemas['Limit']
export type Device = Schemas['Device']
export type AuditEvent = Schemas['AuditEvent']
export type Usage = Schemas['Usage']
export type ProblemBody = Schemas['Problem']
