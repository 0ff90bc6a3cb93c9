// A source from which an instance comes back into a running server, as one interface; and what its requests, previews, progress and
// refusals are.

import type { KeyObject } from 'node:crypto'
import { Refusal, type ErrorCode } from '../../base/refusal.ts'
import type { LaterActs } from '../../core/backup/later.ts'
import type { Manifest } from '../../core/backup/manifest.ts'
import type { BackupOpener } from '../../core/backup/openers.ts'
import type { StoreFeature } from '../../core/ports/least-version.ts'
import type { RootKey } from '../../core/ports/root-key.ts'
import type { DataKeyRecord } from '../../core/ports/secrets.ts'
import type { Expectation } from '../../core/ports/expectation.ts'
import type { Change, Write } from '../../core/ports/store.ts'
import type { ReturningClient } from '../../core/trust/restored-clients.ts'
import type { Block, Instance } from '../../core/trust/rows.ts'
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

/** The steps of a restore; write.ts takes them in this order. Whenever one ends before its end, the restore can be done again. */
export interface Source<Found, Opened, Page, Report> {
  /** Looks for the instance, and changes nothing. Throws RestoreRefused, and TrustRefused where it is on this server. */
  describe(): Promise<Found>
  /** Runs `work` with root keys and API keys as the instance will have them. */
  open<T>(instance: Found, work: (opened: Opened) => Promise<T>): Promise<T>
  /** Reads all objects and opens their keys. Nothing was written before it resolves. */
  check(instance: Found, opened: Opened): Promise<CheckedInstance<Page, Report>>
}

/** An instance that can be written. */
export interface CheckedInstance<Page, Report> {
  /** Its objects. */
  pages(): AsyncIterable<Page> | Iterable<Page>
  /** The writes for a page, by what the database has now. Called again where a row changed meanwhile. */
  decide(page: Page): Promise<Decided>
  readonly durability: Change['durability']
  /** Makes the instance, in one change of trust: it cannot be seen before. */
  finish(closedAgain: number): Promise<Report>
}

export interface Decided {
  readonly writes: readonly Write[]
  /** The versions of objects on which it was decided. */
  readonly expected: NonNullable<Expectation['objects']>
  /** How many of these objects were revoked or destroyed after the backup, and so are again. */
  readonly closedAgain: number
}

export interface Working<Progress> {
  readonly onProgress: (progress: Progress) => void
  readonly signal: AbortSignal
}

/** One instance of a backup, as the look found it. */
export interface InstanceInBackup {
  readonly file: string
  readonly manifest: Manifest
  readonly opener: BackupOpener
  /** A program must know them to open the store that takes the instance in. */
  readonly features: readonly StoreFeature[]
  readonly instance: Instance
  readonly dataKeys: readonly DataKeyRecord[]
  /** Signs the marks of the backup. */
  readonly markKey: KeyObject
  /** Destroyed ones included. */
  readonly objects: number
  readonly clients: readonly ReturningClient[]
  /** Certificates that the backup refuses for good. Left out where this server's own blocks are newer. */
  readonly blocks: readonly Block[]
  /** Its own API keys, by the id of the service instance. */
  readonly apiKeys: ReadonlyMap<string, string>
  /** This server's audit log says this of the time after the backup. */
  readonly later: LaterActs
  /** This server's audit log continues that of the backup. */
  readonly closingsKnown: boolean
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

export interface BackupRestoreRequest extends BackupOpening {
  /** Ids of the clients that are trusted again. */
  readonly clients: readonly string[]
  readonly confirmed: readonly Confirmation[]
}

export interface BackupRestoreProgress {
  readonly step: 'check' | 'write'
  readonly done: number
  readonly total: number
}

export interface KeyProtectRestoreRequest {
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

export interface KeyProtectProgress {
  readonly step: 'list' | 'keys' | 'write'
  readonly done: number
  /** null: not known yet. */
  readonly total: number | null
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
