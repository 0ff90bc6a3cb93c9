// The parts of the server that the routes about adoption need.

import type { TrustChanges } from '../../core/instances/trust-changes.ts'
import type { UpstreamKeys } from '../../core/instances/upstream-keys.ts'
import type { Keys } from '../../core/keys/keys.ts'
import type { Certificate } from '../../core/pki/certificate.ts'
import type { Store } from '../../core/ports/store.ts'
import type { Adoptions } from './jobs.ts'
import type { Upstreams } from './upstreams.ts'
import type { NodeLeases } from '../../core/server/leases.ts'

export interface Needs {
  readonly leases: Pick<NodeLeases, 'elsewhere'>
  readonly adoptions: Pick<Adoptions, 'begin' | 'show' | 'last'>
  readonly keys: Keys
  /** The certificate that the KMIP listener presents now. */
  readonly serverCertificate: () => Certificate
  readonly store: Pick<Store, 'adoptedOnDemand'>
  readonly trust: TrustChanges
  readonly upstreamKeys: Pick<UpstreamKeys, 'of' | 'stored'>
  readonly upstreams: Pick<Upstreams, 'health' | 'trials'>
}
