// The caller of an operation on keys. The listener creates it and every function passes it on as its first argument.

import type { Actor } from '../ports/audit.ts'
import type { Allow } from './allow.ts'
import type { Consent } from './consent.ts'

/** A KMIP client, or a token of the admin API, that may use the keys of one instance. */
export interface Caller {
  readonly instanceId: string
  readonly actor: Actor
  /** The KMIP operations that it may request. A token's rights follow from its role, in the admin API. */
  readonly allow: Allow
  /** The trust version at which the caller was found trusted. A change commits only while that version is current. */
  readonly trustVersion: number
  /** Identifies the request in the log and the audit. The listener generates it. */
  readonly requestId: string
  /** A second person approves this very act: its commit takes the request along. */
  readonly consent?: Consent
}

/** Names the owner of what a caller has begun and may go on with: nobody else may. */
export function partyOf({ instanceId, actor }: Pick<Caller, 'instanceId' | 'actor'>): string {
  return JSON.stringify([instanceId, actor.kind, actor.id])
}
