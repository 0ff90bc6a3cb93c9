// The parts of the server that the routes about instances need.

import type { ApiKeys } from '../../core/instances/api-keys.ts'
import type { InstanceReports } from '../../core/instances/report.ts'
import type { TrustChanges } from '../../core/instances/trust-changes.ts'
import type { InstanceWorker } from '../../core/instances/worker.ts'
import type { Keys } from '../../core/keys/keys.ts'
import type { RecoveryClock } from '../../core/keys/object/recovery-clock.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { RootKeys } from '../../core/ports/root-keys.ts'
import type { Store } from '../../core/ports/store.ts'
import type { NodeLeases } from '../../core/server/leases.ts'
import type { Access } from '../../core/trust/access.ts'
import type { Plugs } from '../../doors/http/plugs.ts'

export interface Needs {
  readonly access: Access
  readonly apiKeys: Pick<ApiKeys, 'with' | 'sources'>
  readonly clock: Clock
  readonly instanceWork: Pick<InstanceWorker, 'nudge' | 'progress'>
  readonly keys: Keys
  readonly leases: Pick<NodeLeases, 'elsewhere'>
  readonly plugs: Plugs
  readonly recovery: Pick<RecoveryClock, 'until'>
  readonly reports: Pick<InstanceReports, 'of' | 'hasVersions'>
  readonly rootKeys: RootKeys
  readonly store: Pick<Store, 'objectCounts' | 'recoverable' | 'usage' | 'dataKeys'>
  readonly trust: TrustChanges
}
