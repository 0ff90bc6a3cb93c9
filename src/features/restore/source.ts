// The types that restores share: the requests, the previews, the progress and the reports of both sources, and the refusals.

import { Refusal, type ErrorCode } from '../../base/refusal.ts'
import type { RootKey } from '../../core/ports/root-key.ts'
import type { Core } from '../../core/server/core.ts'
import type { Log } from '../../core/ports/log.ts'
import type { Confirmation } from './routes.ts'

/** The parts of a running server that restores into it work with. */
export interface RestoreParts extends Pick<
  Core,
  'store' | 'clock' | 'marks' | 'access' | 'keyring' | 'custodies' | 'apiKeys' | 'trust' | 'leases'
> {
  /** The server's own. */
  readonly rootKey: RootKey
  readonly serverId: string
  readonly log: Log
}

/** Which instance of which file, and what opens it. */
export interface BackupOpening {
  /** The id of the upload. */
  readonly upload: string
  /** Its id or name in the backup; undefined: the only one. */
  readonly instance?: string
  /** URI of the root key that opens the backup, as this server reaches it; undefined: the server's own. */
  readonly rootKey?: string
  /** An age identity, instead of root keys. */
  readonly identity?: string
  /** A new name. */
  readonly name?: string
}

export interface BackupRestoreWanted extends BackupOpening {
  /** Ids of the clients that are trusted again. */
  readonly clients: readonly string[]
  readonly confirmed: readonly Confirmation[]
}

export interface BackupClient {
  readonly id: string
  readonly name: string
  /** SHA-256 of its certificates. */
  readonly certificates: readonly string[]
  readonly authorities: readonly { readonly id: string; readonly subject: string }[]
  /** Why it cannot come back, or a certificate or CA of it; one sentence each. */
  readonly leftOut: readonly string[]
}

/** Tells what a restore would do. */
export interface BackupPreview {
  readonly backup: { readonly id: string; readonly serverId: string; readonly createdMs: number }
  readonly instance: {
    readonly id: string
    readonly name: string
    readonly custody: string
    readonly rootKey: string
    readonly objects: number
  }
  /** It was deleted on this server after the backup. */
  readonly gone: { readonly atMs: number; readonly shredded: boolean } | null
  /** This server knows what was closed since the backup, because its own audit log continues that of the backup. */
  readonly closingsKnown: boolean
  readonly clients: readonly BackupClient[]
  /** `confirmed` must have these. */
  readonly needed: readonly Confirmation[]
}

export interface BackupRestoreReport {
  readonly instance: { readonly id: string; readonly name: string }
  readonly rootKey: string
  /** Objects that it has now, by state. */
  readonly objects: Readonly<Record<string, number>>
  /** Closed again, because this server's audit log or database says that they were closed since. */
  readonly closedAgain: number
  /** Objects whose material does not open. They are named, as many as `restoreNamedMax`. */
  readonly notOpening: { readonly count: number; readonly named: readonly string[] }
  /** Made after the backup under a data key that is gone. */
  readonly lost: { readonly count: number; readonly named: readonly string[] }
  readonly clients: readonly string[]
  readonly leftOut: readonly string[]
}

export interface BackupRestoreProgress {
  readonly step: 'check' | 'write'
  readonly done: number
  readonly total: number
}

export interface KeyProtectWanted {
  /** The root key that the instance has from now on, as it is stored: an alias is resolved. */
  readonly rootKeyUri: string
  /** Other root keys that wrapped keys of it, because it was moving from one to another: the move goes on to the first. */
  readonly otherRootKeyUris?: readonly string[]
  /** Restores it also if root keys that are not named wrapped keys of it: those keys stay closed. */
  readonly partial?: boolean
  /** Needed if several instances have keys there. */
  readonly instanceId?: string
  /** Another name than it had. */
  readonly name?: string
  /** The instance's own from now on; left out: the server's is used. */
  readonly apiKey?: string
}

export type RestoreStep = 'list' | 'keys' | 'write'

/** How far a step is. */
export interface RestoreFar {
  readonly step: RestoreStep
  readonly done: number
  /** null: not known yet. */
  readonly total: number | null
}

export interface KeyProtectProgress extends RestoreFar {
  /** Why it waits at the moment, in words; null while it goes on. */
  readonly trouble: string | null
}

/** One of several instances that have keys beside a root key. */
export interface RestoreChoice {
  readonly instanceId: string
  /** Standard keys of objects that are not deleted. */
  readonly keys: number
  readonly newestMs: number | null
}

/** There is nothing to restore, or more must be said about what. */
export class RestoreRefused extends Refusal {
  readonly why: keyof typeof refusals
  readonly choices: readonly RestoreChoice[]
  constructor(
    why: RestoreRefused['why'],
    message: string,
    { choices = [], ...options }: ErrorOptions & { readonly choices?: readonly RestoreChoice[] } = {},
  ) {
    const { code, hint } = refusals[why]
    super(code, message, hint, options)
    this.why = why
    this.choices = choices
  }
}

const refusals = {
  several: { code: 'conflict', hint: 'Choose one: --instance-id ID.' },
  nothing: {
    code: 'not-found',
    hint: 'Look whether it is the right service instance and key ring (?key-ring=RING). Only the custody keyprotect keeps keys there; with the custody database a backup of the database is needed.',
  },
  'other-root-key': {
    code: 'refused',
    hint: 'Name the root key that sealed the instance. Those that there are: mortise root-key list --root-key URI.',
  },
  'more-root-keys': {
    code: 'refused',
    hint: 'Name both root keys: --root-key URI for the one that it is to have, --old-root-key URI for the other. If that one is gone for good, --partial brings back the rest.',
  },
} as const satisfies Readonly<Record<string, { readonly code: ErrorCode; readonly hint: string }>>
