// Who asks: one value, made at the door, handed down as first argument, never ambient.

import type { AuditEntry } from './ports.ts'
import type { Allow } from './trust/allow.ts'

export type Actor = AuditEntry['actor']

/** The server itself, for what it does without being asked. */
export const serverActor: Actor = {
  kind: 'server',
  id: null,
  name: null,
  certificateSha256: null,
  address: null,
}

/** Whoever may use the keys of one instance: a KMIP client, or a token of the admin door. */
export interface Caller {
  readonly instanceId: string
  readonly actor: Actor
  /** What it may ask for over KMIP. What a token may is decided by its role, at the admin door. */
  readonly allow: Allow
  /** The trust version that the caller was found trusted at; a change commits only while it is current. */
  readonly trustVersion: number
  /** Stands in log and audit; made by the door. */
  readonly requestId: string
}

/** Who changes something, and in which request. */
export interface By extends Actor {
  readonly requestId?: string | null
}
