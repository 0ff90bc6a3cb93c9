// The context that each handler of the admin API gets, and a handler's type: a function from values to a value.
// serve.ts makes the context.

import type { Access } from '../../core/trust/access.ts'
import type { ApiKeys } from '../../core/instances/api-keys.ts'
import type { Audit } from '../../core/audit/audit.ts'
import type { MarkCheck } from '../../core/audit/mark-check.ts'
import type { By } from '../../core/audit/actor.ts'
import type { InstanceReports } from '../../core/instances/report.ts'
import type { Inventories } from '../../features/inventory/inventories.ts'
import type { InstanceWorker } from '../../core/instances/worker.ts'
import type { Keys } from '../../core/keys/keys.ts'
import type { RecoveryClock } from '../../core/keys/object/recovery-clock.ts'
import type { Custodies } from '../../core/custody/custodies.ts'
import type { Pending } from '../../core/trust/pending.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { LeaseName } from '../../core/ports/leases.ts'
import type { Store } from '../../core/ports/store.ts'
import type { LastSeen } from '../../core/trust/last-seen.ts'
import type { TrustChanges } from '../../core/instances/trust-changes.ts'
import type { GuardedAct } from '../../core/ports/guarded-acts.ts'
import type { People } from '../../core/trust/people.ts'
import type { Secrets } from '../../core/sealing/secrets.ts'
import type { Sessions } from '../../core/trust/sessions.ts'
import type { MadeToken } from '../../core/trust/token-changes.ts'
import type { Certificate } from '../../core/pki/certificate.ts'
import type { ChallengeAnswer, RootKeyChallenge } from '../../core/sealing/root-key-challenge.ts'
import type { ServerNotes } from '../../core/sealing/server-notes.ts'
import type { UnservedVersions } from '../../core/trust/unserved-versions.ts'
import type { Machine } from '../../features/status/conditions/facts.ts'
import type { Identity as SigningIdentity } from '../../core/pki/issue.ts'
import type { ServingNode } from '../../core/server/leases.ts'
import type { Traffic, WorkerFacts, ReadinessFacts } from '../../core/server/readiness-facts.ts'
import type { RootKeys } from '../../core/ports/root-keys.ts'
import type { Asked as AskedOf } from './asked.ts'
import type { Reloaded } from '../../host/settings.ts'
import type { Output, RouteName, Routes } from './api.ts'
import type { BackupAdministration } from '../../features/backup/port.ts'
import type { Adoptions } from '../../features/adopt/jobs.ts'
import type { Logins } from '../../features/login/logins.ts'
import type { KeyExports } from '../../features/key-export/jobs.ts'
import type { Upstreams } from '../../features/adopt/upstreams.ts'
import type { UpstreamKeys } from '../../core/instances/upstream-keys.ts'
import type { Restores } from '../../features/restore/restores.ts'
import type { AlertAdministration } from '../../features/alerts/port.ts'
import type { ForwarderFacts } from '../../features/siem/forwarder.ts'
import type { ServerCertificateChanges } from '../../core/identity/server-certificate-changes.ts'

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
    readonly nodes: () => Promise<readonly ServingNode[]>
    /** The other node that does such work now, or null. */
    readonly elsewhere: (name: LeaseName) => Promise<string | null>
  }
  readonly keyExports: Pick<KeyExports, 'begin' | 'outcome' | 'requireFree'>
  readonly upstreams: Pick<Upstreams, 'health' | 'trials'>
  readonly upstreamKeys: Pick<UpstreamKeys, 'of' | 'stored'>
  readonly restores: Omit<Restores, 'stop'>
  readonly backups: BackupAdministration
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
  readonly readiness: () => Promise<ReadinessFacts>
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

export type Asked<N extends RouteName> = AskedOf<Routes[N]>

export type Handler<N extends RouteName> = (context: AdminContext, asked: Asked<N>) => Promise<Output<N>>
export type Handlers<N extends RouteName> = { readonly [Name in N]: Handler<Name> }
/** Those of one file; handlers.ts has all. */
export type SomeHandlers = Partial<Handlers<RouteName>>
