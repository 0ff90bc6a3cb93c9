// The parts of the server that the routes about adoption need.

import type { TrustChanges } from '../../core/instances/trust-changes.ts'
import type { UpstreamKeys } from '../../core/instances/upstream-keys.ts'
import type { Keys } from '../../core/keys/keys.ts'
import type { Certificate } from '../../core/pki/certificate.ts'
import type { Store } from '../../core/ports/store.ts'
import type { Adoptions } from './jobs.ts'
import type { Log } from '../../core/ports/log.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Config } from '../../outside/config/options.ts'
import type { UpstreamReport, Upstreams } from './upstreams.ts'
import type { NodeLeases } from '../../core/server/leases.ts'

export interface Needs {
  readonly clock: Clock
  readonly keys: Keys
  readonly leases: Pick<NodeLeases, 'during' | 'elsewhere'>
  readonly log: Pick<Log, 'error'>
  /** The certificate that the KMIP listener presents now. */
  readonly serverCertificate: () => Certificate
  readonly settings: { readonly now: Pick<Config, 'ibm'> }
  readonly store: Pick<Store, 'adoptedOnDemand'>
  readonly trust: TrustChanges
  readonly upstreamKeys: Pick<UpstreamKeys, 'of' | 'stored'>
  /** The parts in this process, which ask the upstreams of clients that it serves. */
  readonly kmip: { readonly adopt: Upstreams }
  /** The workers' reports, as of the last look at them. */
  readonly workerReports: () => readonly { readonly adopt: UpstreamReport }[]
}

/** The service that the handlers work with. */
export interface Adopting extends Pick<
  Needs,
  'keys' | 'leases' | 'serverCertificate' | 'store' | 'trust' | 'upstreamKeys' | 'workerReports'
> {
  readonly upstreams: Pick<Upstreams, 'health' | 'trials'>
  readonly adoptions: Pick<Adoptions, 'begin' | 'ended' | 'show' | 'last'>
}
