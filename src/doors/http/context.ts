// The context that each handler of the admin API gets, and a handler's type: a function from values to a value.
// serve.ts makes the context.

import type { Access } from '../../core/trust/access.ts'
import type { ApiKeys } from '../../core/instances/api-keys.ts'
import type { Audit } from '../../core/audit/audit.ts'
import type { MarkCheck } from '../../core/audit/mark-check.ts'
import type { Actor } from '../../core/ports/audit.ts'
import type { By } from '../../core/audit/actor.ts'
import type { Caller } from '../../core/trust/caller.ts'
import type { InstanceReports } from '../../core/instances/report.ts'
import type { Inventories } from '../../features/inventory/inventories.ts'
import type { InstanceWorker } from '../../core/instances/worker.ts'
import type { Keys } from '../../core/keys/keys.ts'
import type { RecoveryClock } from '../../core/keys/object/recovery-clock.ts'
import type { Custodies } from '../../core/custody/custodies.ts'
import type { Pending } from '../../core/trust/pending.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { LeaseName, NodeRecord } from '../../core/ports/leases.ts'
import type { Store } from '../../core/ports/store.ts'
import type { StandardKeyTrouble } from '../../core/sealing/standard-key-troubles.ts'
import type { LastSeen } from '../../core/trust/last-seen.ts'
import type { TrustChanges } from '../../core/instances/trust-changes.ts'
import type { GuardedAct } from '../../core/ports/guarded-acts.ts'
import type { Instance, Token } from '../../core/trust/rows.ts'
import type { Login, People } from '../../core/trust/people.ts'
import type { Person } from '../../core/trust/person.ts'
import type { Secrets } from '../../core/sealing/secrets.ts'
import type { Session, Sessions } from '../../core/trust/sessions.ts'
import type { StoredItem } from '../../core/sealing/integrity.ts'
import type { ClosedKey } from '../../core/sealing/closed-keys.ts'
import type { MadeToken } from '../../core/trust/token-changes.ts'
import type { Grantor } from '../../core/trust/grantor.ts'
import type { Certificate } from '../../core/pki/certificate.ts'
import type { RootKeyChallenge } from '../../core/sealing/root-key-challenge.ts'
import type { ServerNotes } from '../../core/sealing/server-notes.ts'
import type { UnservedVersions } from '../../core/trust/unserved-versions.ts'
import type { Machine } from '../../features/status/conditions/facts.ts'
import type { Identity as SigningIdentity } from '../../core/pki/issue.ts'
import type { Checked, Output, RouteName, Routes } from './api.ts'
import type { BackupRestoreAdministration } from '../../features/restore/backup-restore-jobs.ts'
import type { BackupAdministration } from '../../features/backup/port.ts'
import type { Adoptions } from '../../features/adopt/jobs.ts'
import type { Logins } from '../../features/login/logins.ts'
import type { KeyExports } from '../../features/key-export/jobs.ts'
import type { Upstreams } from '../../features/adopt/upstreams.ts'
import type { UpstreamKeys } from '../../core/instances/upstream-keys.ts'
import type { Restores } from '../../features/restore/jobs.ts'
import type { AlertAdministration } from '../../features/alerts/port.ts'
import type { ForwarderFacts } from '../../features/siem/forwarder.ts'
import type { ServerCertificateChanges } from '../../features/certificates/port.ts'

/** A node of this store. */
export interface NodeShown extends NodeRecord {
  readonly isThis: boolean
  readonly serves: boolean
  readonly work: readonly string[]
}

export interface AdminContext {
  readonly access: Access
  readonly trust: TrustChanges
  readonly pending: Pending
  readonly audit: Audit
  /** Whether the list of destroyed keys is whole. */
  readonly marks: Pick<MarkCheck, 'check' | 'findings'>
  readonly keys: Keys
  readonly instanceWork: Pick<InstanceWorker, 'nudge' | 'progress'>
  readonly reports: Pick<InstanceReports, 'of' | 'hasVersions'>
  readonly store: Pick<
    Store,
    | 'adoptedOnDemand'
    | 'databaseFacts'
    | 'auditSetBack'
    | 'auditTimes'
    | 'dataKeys'
    | 'objectCounts'
    | 'recoverable'
    | 'usage'
  >
  readonly recovery: Pick<RecoveryClock, 'until'>
  readonly custodies: Pick<Custodies, 'of'>
  readonly rootKeys: RootKeys
  readonly apiKeys: Pick<ApiKeys, 'with' | 'sources'>
  readonly adoptions: Pick<Adoptions, 'begin' | 'show' | 'last'>
  readonly inventories: Pick<
    Inventories,
    | 'begin'
    | 'add'
    | 'finish'
    | 'cancel'
    | 'remove'
    | 'uses'
    | 'keysOfMachines'
    | 'summary'
    | 'findings'
    | 'known'
  >
  readonly leases: {
    readonly nodes: () => Promise<readonly NodeShown[]>
    /** The other node that does such work now, or null. */
    readonly elsewhere: (name: LeaseName) => Promise<string | null>
  }
  readonly keyExports: Pick<KeyExports, 'begin' | 'outcome' | 'requireFree'>
  readonly upstreams: Pick<Upstreams, 'health' | 'trials'>
  readonly upstreamKeys: Pick<UpstreamKeys, 'of' | 'stored'>
  readonly restores: Pick<Restores, 'begin' | 'isBegun' | 'same' | 'show'>
  readonly backups: BackupAdministration
  readonly backupRestores: BackupRestoreAdministration
  /** Says of each target of the audit log how far it is. */
  readonly siem: { readonly facts: () => Promise<readonly ForwarderFacts[]> }
  readonly alerts: AlertAdministration
  readonly sessions: Sessions
  /** The people who logged in through the identity provider, and the ways to log in. */
  readonly people: Pick<
    People,
    'accessOf' | 'isIdle' | 'end' | 'list' | 'idleMs' | 'loginOf' | 'managerGroups'
  >
  readonly logins: Pick<Logins, 'provider' | 'logoutUrl' | 'begin' | 'finish' | 'beginDevice' | 'pollDevice'>
  readonly lastSeen: Pick<LastSeen, 'of' | 'ofClient' | 'note'>
  readonly unservedVersions: Pick<UnservedVersions, 'list'>
  readonly notes: Pick<ServerNotes, 'read' | 'write' | 'change'>
  readonly machine: Machine
  /** Challenges for copies of root keys, by the URI of the root key. */
  readonly rootKeyProof: {
    readonly challenge: (uri: string) => Promise<RootKeyChallenge>
    readonly accept: (uri: string, given: ChallengeAnswer) => boolean
  }
  /** The way back in for the owner of the data folder. */
  readonly tokenRecovery: {
    /** The name of a file in the data folder, with the challenge. Throws RootKeyError. */
    readonly begin: () => Promise<string>
    /** undefined: the answer is wrong, or came too late. */
    readonly finish: (by: By, given: ChallengeAnswer) => Promise<MadeToken | undefined>
  }
  /** Acts that need a second person. */
  readonly guard: {
    /** The configured ones. */
    readonly acts: readonly GuardedAct[]
    /** Carries out what was approved, and ends the requests of whoever is gone. */
    readonly nudge: () => void
  }
  readonly secrets: Pick<Secrets, 'fresh' | 'put' | 'seal'>
  readonly clock: Clock
  /** The CA that signs certificates for `client issue` and `client sign`. */
  readonly authority: SigningIdentity
  /** The certificate that the KMIP listener presents now. */
  readonly serverCertificate: () => Certificate
  readonly serverCertificates: ServerCertificateChanges
  /** Reads the configuration again. Throws Refusal if it is not valid, and changes nothing then. */
  readonly reload: (by: By) => Promise<Reloaded>
  readonly readiness: () => Promise<Readiness>
  /** Counts what this node serves to its clients now. */
  readonly traffic: () => Promise<Traffic>
  /** null: the server itself serves. */
  readonly workers: () => WorkerFacts | null
  readonly about: {
    readonly version: string
    readonly startedMs: number
    /** The version of OpenSSL's FIPS provider, or `unknown`; null: not in FIPS mode. */
    readonly fips: string | null
    /** The drafts of KMIP that the server speaks: 3.0. */
    readonly drafts: readonly string[]
    /** How many connections of KMIP clients this node holds at most, and how many files each of its processes may have open. */
    readonly connections: { readonly max: number; readonly openFiles: number }
    /** The address where the server listens for KMIP. */
    readonly kmip: string
    /** https://HOST:PORT; null: it takes no HTTPS. */
    readonly kmipHttps: string | null
  }
  /** The metrics in the text format of Prometheus. */
  readonly metrics: () => Promise<string>
}

export interface ChallengeAnswer {
  readonly id: string
  /** Hex. */
  readonly answer: string
}

/** The names (`log.level`) of the options whose value has changed. */
export interface Reloaded {
  readonly applied: readonly string[]
  readonly needRestart: readonly string[]
}

export interface Readiness {
  readonly ready: boolean
  /** Why the node is not ready, or what it refuses at the moment; a text for people. */
  readonly reason: string | null
  /** Why no key is handed out, though the store can be read: the records of reads are not taken. Null: they are. */
  readonly refused: string | null
  /** The trouble of each instance's root key, by instance id. It does not make the node unready. */
  readonly degraded: ReadonlyMap<string, RootKeyTrouble>
  /** The ids of those whose root key was not heard of since the start: the first look still runs. */
  readonly unknown: ReadonlySet<string>
  /** The ids of those whose root key cannot be reached and whose keys are served from memory. */
  readonly fromMemory: ReadonlySet<string>
  /** Why, by the id of the instance. In words for people. */
  readonly reasons: ReadonlyMap<string, string>
  /** Keys that did not open at their last use although their root key answers; at most `closedKeysMax` of each instance. */
  readonly closed: readonly ClosedKey[]
  /** Stored bytes that failed their authentication when they were last opened; at most `alteredItemsMax`. */
  readonly altered: readonly StoredItem[]
  /** Creating, reading or deleting standard keys that the service refuses. */
  readonly standardKeys: readonly StandardKeyTrouble[]
  /** The calls to root key services that are under way. */
  readonly calls: readonly RootKeyCalls[]
}

export interface Traffic {
  /** Keys that clients fetched, by the minute; null: it is not known yet. */
  readonly keysPerMinute: number | null
  /** KMIP connections that are open. */
  readonly connections: number
}

/** The processes that serve KMIP, where there are several. */
export interface WorkerFacts {
  readonly wanted: number
  readonly serving: number
  /** How many ended within workerEndsWithinMs that should not. */
  readonly endedLately: number
  /** Why the last one did; null: none did since the server runs. */
  readonly lastEnd: string | null
}

/** Calls to a root key service that share their slots: those that a client's Get waits for, or all others. */
export interface RootKeyCalls {
  /** null: the calls of the server itself. */
  readonly instanceId: string | null
  /** The host that the calls wait for: the service's, or that of its login. */
  readonly host: string
  readonly lane: 'reads' | 'others'
  readonly running: number
  readonly waiting: number
  /** How long the oldest call has taken so far, waiting included. */
  readonly oldestMs: number
}

/**
 * `unreachable`: the root key does not answer; its keys are served from memory for a bounded time. `withdrawn`: its
 * service refused; its keys are not served. `failing`: the instance's keys do not open for another reason, which the
 * log has.
 */
export type RootKeyTrouble = 'unreachable' | 'withdrawn' | 'failing'

/** A root key in the list of its service. Times are RFC 3339, as the service writes them. */
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
  /** The URI of the server's own root key, which new instances get by default. */
  readonly initial: string
  /**
   * Checks the root key of a new instance, and creates it first if it is a file in the data folder that nothing uses yet.
   * Throws RootKeyError.
   */
  readonly prepare: (
    uri: string,
    /**
     * `standardKeys`: also tries a standard key, which the service bills for a month. `opens`: the root key need only
     * open what it sealed before; it need not seal anything. `used`: URIs of root keys that seal something already.
     */
    wanted?: RootKeyAccess & {
      readonly standardKeys?: boolean
      readonly opens?: boolean
      readonly used?: readonly string[]
    },
  ) => Promise<PreparedRootKey>
  /** Lists the root keys of the service instance that a URI names. Throws RootKeyError. */
  readonly list: (uri: string, access?: RootKeyAccess) => Promise<readonly ListedRootKey[]>
}

export interface PreparedRootKey {
  /** The URI to keep, with an alias resolved. */
  readonly uri: string
  /** Sentences for the administrator who chose the root key. */
  readonly warnings: readonly string[]
}

/** The identity that calls the root key's service. */
export interface RootKeyAccess {
  /** The instance whose stored API key is used; left out: the server's API key. */
  readonly instanceId?: string
  /** An API key that is not stored yet; used for these calls only. */
  readonly apiKey?: string
}

/** The party that made the request, as its token or session says. */
export interface Asker {
  readonly actor: Actor
  /** The actor with the request id and the reach of the token, for changes. */
  readonly by: Grantor
  /**
   * null: all instances. Without meaning on public routes. A person may have roles in several instances without having one in all:
   * then it is the first of them, or the one that the path names, and `sees` says which the others are.
   */
  readonly instanceId: string | null
  /** Whether an instance is there, for this asker and this route. */
  readonly sees: (instanceId: string) => boolean
  readonly requestId: string
  /** The Host header: a name by which the server knows itself. */
  readonly host: string
  /** null on public routes, and for a person. */
  readonly token: Token | null
  /** The access of a person who logged in through the identity provider; null: the request carries a token, or its session. */
  readonly login: Login | null
  /** The person who asks, whatever the request carries; null: nobody knows. */
  readonly person: Person | null
  /** null: the request carries the token itself. */
  readonly session: Session | null
  /** The hash of the text of the token that the request makes; left out: the text is made now. */
  readonly tokenSha256?: string
  /** Checks the token or session again, and returns it as the caller for the keys of an instance. */
  readonly identify: (instanceId: string) => Promise<Caller>
}

export interface Asked<N extends RouteName> {
  readonly asker: Asker
  /** The instance that the path names, on routes with the scope 'instance'. */
  readonly instance: Routes[N]['scope'] extends 'instance' ? Instance : undefined
  readonly params: Checked<N>['params']
  readonly query: Checked<N>['query']
  readonly body: Checked<N>['body']
}

export type Handler<N extends RouteName> = (context: AdminContext, asked: Asked<N>) => Promise<Output<N>>
export type Handlers<N extends RouteName> = { readonly [Name in N]: Handler<Name> }
/** Those of one file; handlers.ts has all. */
export type SomeHandlers = Partial<Handlers<RouteName>>
