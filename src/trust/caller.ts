// The caller of an operation on keys: one value, made by the listener, passed down as first argument, never ambient.

import type { Actor } from '../ports/audit.ts'
import type { Allow } from './allow.ts'

/** A KMIP client or a token of the admin API that may use the keys of one instance. */
export interface Caller {
  readonly instanceId: string
  readonly actor: Actor
  /** What it may ask for over KMIP. What a token may is decided by its role, at the admin API. */
  readonly allow: Allow
  /** The trust version at which the caller was found trusted; a change commits only while it is current. */
  readonly trustVersion: number
  /** Names the request in log and audit; made by the listener. */
  readonly requestId: string
}
