// What the handlers of the admin door work with, and what they are: functions of values. serve.ts makes the context.

import type { Access } from '../trust/access.ts'
import type { ApiKeys } from '../instances/api-keys.ts'
import type { Audit } from '../audit/audit.ts'
import type { Actor } from '../ports/audit.ts'
import type { By } from '../audit/actor.ts'
import type { Caller } from '../trust/caller.ts'
import type { InstanceReports } from '../instances/report.ts'
import type { InstanceWorker } from '../instances/worker.ts'
import type { Keys } from '../keys/keys.ts'
import type { Pending } from '../trust/pending.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import type { StandardKeyTrouble } from '../sealing/standard-key-troubles.ts'
import type { LastSeen } from '../trust/last-seen.ts'
import type { TrustChanges } from '../instances/trust-changes.ts'
import type { Instance } from '../trust/rows.ts'
import type { StoredItem } from '../sealing/integrity.ts'
import type { ClosedKey } from '../sealing/closed-keys.ts'
import type { Grantor } from '../trust/grantor.ts'
import type { Certificate } from '../pki/certificate.ts'
import type { Identity } from '../pki/issue.ts'
import type { Checked, Output, RouteName, Routes } from './api.ts'
import type { Adoptions } from './adoptions.ts'
import type { Restores } from './restores.ts'
import type { ServerCertificateChanges } from './server-certificates.ts'

export interface AdminContext {
  readonly access: Access
  readonly trust: TrustChanges
  readonly pending: Pending
  readonly audit: Audit
  readonly keys: Keys
  readonly instanceWork: Pick<InstanceWorker, 'nudge' | 'progress'>
  readonly reports: Pick<InstanceReports, 'of' | 'hasVersions'>
  readonly store: Pick<Store, 'objectCounts' | 'usage'>
  readonly rootKeys: RootKeys
  readonly apiKeys: Pick<ApiKeys, 'with' | 'sources'>
  readonly adoptions: Pick<Adoptions, 'begin' | 'show'>
  readonly restores: Pick<Restores, 'begin' | 'isBegun' | 'same' | 'show'>
  readonly lastSeen: Pick<LastSeen, 'of' | 'note'>
  readonly clock: Clock
  /** Signs what `client issue` and `client sign` send. */
  readonly authority: Identity
  /** The one that the KMIP door shows now. */
  readonly serverCertificate: () => Certificate
  readonly serverCertificates: ServerCertificateChanges
  /** Reads the configuration anew. Throws Refusal, with nothing changed, where it is not right. */
  readonly reload: (by: By) => Promise<Reloaded>
  readonly readiness: () => Promise<Readiness>
  readonly about: {
    readonly version: string
    readonly startedMs: number
    /** Where the KMIP door listens. */
    readonly kmip: string
  }
  /** The text that Prometheus reads. */
  readonly metrics: () => Promise<string>
}

/** Options by name (`log.level`) that have another value than before. */
export interface Reloaded {
  readonly applied: readonly string[]
  readonly needRestart: readonly string[]
}

export interface Readiness {
  readonly ready: boolean
  /** Why not, or what is refused at the moment; in words for people. */
  readonly reason: string | null
  /** Ids of the instances whose root key has trouble, and which; they do not make the node unready. */
  readonly degraded: ReadonlyMap<string, RootKeyTrouble>
  /** What did not open when it was last asked for, though its root key answers; at most `limits.closedKeysMax`. */
  readonly closed: readonly ClosedKey[]
  /** Stored bytes that failed their authentication when they were last opened; at most `limits.alteredItemsMax`. */
  readonly altered: readonly StoredItem[]
  /** What is refused of standard keys that are to be made, read or deleted. */
  readonly standardKeys: readonly StandardKeyTrouble[]
  /** The calls of root keys' services that are under way. */
  readonly calls: readonly RootKeyCalls[]
}

/** Calls of a root key's service that share their slots: those that a client's Get waits for, or all others. */
export interface RootKeyCalls {
  /** null: the server itself. */
  readonly instanceId: string | null
  /** Of the service. */
  readonly host: string
  readonly lane: 'reads' | 'others'
  readonly running: number
  readonly waiting: number
  /** How long the oldest has been under way, waiting included. */
  readonly oldestMs: number
}

/**
 * `unreachable`: no answer; served from memory for a bounded time. `withdrawn`: it said no; nothing is served.
 * `failing`: the instance's keys do not open for another reason, which the log tells.
 */
export type RootKeyTrouble = 'unreachable' | 'withdrawn' | 'failing'

/** Times as the service writes them, RFC 3339. */
export interface ListedRootKey {
  readonly id: string
  readonly uri: string
  readonly name: string
  readonly aliases: readonly string[]
  readonly state: 'pre-activation' | 'active' | 'suspended' | 'deactivated' | 'destroyed' | 'unknown'
  readonly keyRing: string
  readonly createdAt: string | null
  readonly lastRotatedAt: string | null
  readonly expiresAt: string | null
}

export interface RootKeys {
  /** The URI of the server's own, which new instances get too. */
  readonly initial: string
  /**
   * Makes the root key of a new instance where that can be done here, and tries it. Throws RootKeyError.
   */
  readonly prepare: (
    uri: string,
    /**
     * With `standardKeys` one of these is tried too, which the service bills for a month. `opens`: it need not
     * seal anything any more, but only open what it sealed.
     */
    wanted?: RootKeyAccess & { readonly standardKeys?: boolean; readonly opens?: boolean },
  ) => Promise<PreparedRootKey>
  /** The root keys of the service instance that a URI names. Throws RootKeyError. */
  readonly list: (uri: string, access?: RootKeyAccess) => Promise<readonly ListedRootKey[]>
}

export interface PreparedRootKey {
  /** The one to keep: an alias is resolved. */
  readonly uri: string
  /** Sentences for whoever chose it. */
  readonly warnings: readonly string[]
}

/** As whom the root key's service is spoken to. */
export interface RootKeyAccess {
  /** Whose kept API key is used; left out: the server's. */
  readonly instanceId?: string
  /** One that is not kept yet; used for this alone. */
  readonly apiKey?: string
}

/** Who asks, as the token says. */
export interface Asker {
  readonly actor: Actor
  /** The same with the request and how far it reaches, for what changes something. */
  readonly by: Grantor
  /** null: all instances. Meaningless on public routes. */
  readonly instanceId: string | null
  readonly requestId: string
  /** Looks the token up anew, and makes it the caller for the keys of an instance. */
  readonly identify: (instanceId: string) => Promise<Caller>
}

export interface Asked<N extends RouteName> {
  readonly asker: Asker
  /** The one that the path names, on routes with the scope 'instance'. */
  readonly instance: Routes[N]['scope'] extends 'instance' ? Instance : undefined
  readonly params: Checked<N>['params']
  readonly query: Checked<N>['query']
  readonly body: Checked<N>['body']
}

export type Handler<N extends RouteName> = (context: AdminContext, asked: Asked<N>) => Promise<Output<N>>
export type Handlers<N extends RouteName> = { readonly [Name in N]: Handler<Name> }
