// The parts of the server that its state is gathered from.

import type { By } from '../../core/audit/actor.ts'
import type { RecoveryClock } from '../../core/keys/object/recovery-clock.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Store } from '../../core/ports/store.ts'
import type { NodeLeases } from '../../core/server/leases.ts'
import type { ReadinessFacts, Traffic } from '../../core/server/readiness-facts.ts'
import type { Access } from '../../core/trust/access.ts'
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
  readonly clock: Clock
  readonly conditions: Conditions
  readonly leases: Pick<NodeLeases, 'nodes'>
  /** The metrics in the text format of Prometheus. */
  readonly metricsText: () => Promise<string>
  readonly plugs: Plugs
  readonly readiness: () => Promise<ReadinessFacts>
  readonly recovery: Pick<RecoveryClock, 'until'>
  /** Reads the configuration again. Throws Refusal if it is not valid, and changes nothing then. */
  readonly reload: (by: By) => Promise<Reloaded>
  readonly store: Pick<Store, 'objectCounts' | 'recoverable' | 'usage'>
  /** Counts what this node serves to its clients now. */
  readonly traffic: () => Promise<Traffic>
}
