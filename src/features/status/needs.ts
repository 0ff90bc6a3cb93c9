// The parts of the server that its state is gathered from.

import type { By } from '../../core/audit/actor.ts'
import type { MarkCheck } from '../../core/audit/mark-check.ts'
import type { ServerCertificateChanges } from '../../core/identity/server-certificate-changes.ts'
import type { InstanceWorker } from '../../core/instances/worker.ts'
import type { RecoveryClock } from '../../core/keys/object/recovery-clock.ts'
import type { Certificate } from '../../core/pki/certificate.ts'
import type { Identity as SigningIdentity } from '../../core/pki/issue.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { RootKeys } from '../../core/ports/root-keys.ts'
import type { Store } from '../../core/ports/store.ts'
import type { ServerNotes } from '../../core/sealing/server-notes.ts'
import type { NodeLeases } from '../../core/server/leases.ts'
import type { ReadinessFacts, Traffic, WorkerFacts } from '../../core/server/readiness-facts.ts'
import type { Access } from '../../core/trust/access.ts'
import type { LastSeen } from '../../core/trust/last-seen.ts'
import type { Pending } from '../../core/trust/pending.ts'
import type { UnservedVersions } from '../../core/trust/unserved-versions.ts'
import type { Machine } from '../../core/server/machine.ts'
import type { Reloaded } from '../../host/settings.ts'
import type { Conditions } from '../../core/conditions/conditions.ts'
import type { Plugs } from '../../doors/http/plugs.ts'

export interface Needs {
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
  readonly access: Access
  /** The CA that signs certificates for `client issue` and `client sign`. */
  readonly authority: SigningIdentity
  readonly clock: Clock
  readonly conditions: Conditions
  readonly instanceWork: Pick<InstanceWorker, 'progress'>
  readonly lastSeen: Pick<LastSeen, 'of'>
  readonly leases: Pick<NodeLeases, 'nodes'>
  readonly machine: Machine
  /** Whether the list of destroyed keys is whole. */
  readonly marks: Pick<MarkCheck, 'check' | 'findings'>
  /** The metrics in the text format of Prometheus. */
  readonly metricsText: () => Promise<string>
  readonly notes: Pick<ServerNotes, 'read'>
  readonly pending: Pending
  readonly plugs: Plugs
  readonly readiness: () => Promise<ReadinessFacts>
  readonly recovery: Pick<RecoveryClock, 'until'>
  /** Reads the configuration again. Throws Refusal if it is not valid, and changes nothing then. */
  readonly reload: (by: By) => Promise<Reloaded>
  readonly rootKeys: RootKeys
  /** The certificate that the KMIP listener presents now. */
  readonly serverCertificate: () => Certificate
  readonly serverCertificates: ServerCertificateChanges
  readonly store: Pick<
    Store,
    'databaseFacts' | 'auditSetBack' | 'auditTimes' | 'objectCounts' | 'recoverable' | 'usage'
  >
  /** Counts what this node serves to its clients now. */
  readonly traffic: () => Promise<Traffic>
  readonly unservedVersions: Pick<UnservedVersions, 'list'>
  /** null: the server itself serves. */
  readonly workers: () => WorkerFacts | null
}
