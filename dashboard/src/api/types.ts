/** The API's types by the names that pages use. All of them come from docs/openapi.json (`npm run codegen`). */
import type { components } from './schema.gen'

type Schemas = components['schemas']

export type Environment = Schemas['Environment']
export type App = Schemas['App']
export type Session = Schemas['Session']
export type Key = Schemas['Key']
/** Channel pattern to operations, as in a client token's `cap`. */
export type Capabilities = Key['capabilities']
export type ProblemBody = Schemas['Problem']
