/** What the control-plane API sends. Ids are strings; app ids are decimal digits. */

export type Environment = 'development' | 'production'

export interface User {
  id: string
  email: string
}

export interface Org {
  id: string
  name: string
}

export interface AppSummary {
  id: string
  name: string
  environment: Environment
}

export interface Session {
  user: User
  org: Org
  apps: AppSummary[]
  /** The edge as browsers reach it, http or https, without a trailing slash. */
  edge_url: string
  dev: boolean
  /** Until when secrets may be revealed without the password, if at all. */
  sudo_until?: string | null
}

export interface SignedUp {
  user: User
  org: Org
  app: AppSummary
  key: { id: string; name: string }
}

export interface SignedIn {
  user: User
  org: Org
}

/** Channel pattern to operations, as in a client token's `cap`. */
export type Capabilities = Record<string, string[]>

export interface Key {
  id: string
  name: string
  capabilities: Capabilities
  created_at: string
  last_used_at?: string | null
  expires_at?: string | null
}

export interface Page<T> {
  items: T[]
  next_cursor?: string | null
}

export interface RevealedKey {
  id: string
  secret: string
}

export interface ConsoleToken {
  token: string
  expires_at: string
  edge_url: string
}
