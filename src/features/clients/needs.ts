// The parts of the server that the routes about clients need.

import type { ServerCertificateChanges } from '../../core/identity/server-certificate-changes.ts'
import type { TrustChanges } from '../../core/instances/trust-changes.ts'
import type { SigningIdentity } from '../../core/pki/issue.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Access } from '../../core/trust/access.ts'
import type { LastSeen } from '../../core/trust/last-seen.ts'
import type { Pending } from '../../core/trust/pending.ts'
import type { Machine } from '../../core/server/machine.ts'

export interface Needs {
  readonly access: Access
  /** The CA that signs certificates for `client issue` and `client sign`. */
  readonly authority: SigningIdentity
  readonly clock: Clock
  readonly lastSeen: Pick<LastSeen, 'of' | 'ofClient'>
  readonly machine: Machine
  readonly pending: Pending
  readonly serverCertificates: ServerCertificateChanges
  readonly trust: TrustChanges
}
