// The parts of the server that the routes about closing need.

import type { TrustChanges } from '../../core/instances/trust-changes.ts'
import type { InstanceWorker } from '../../core/instances/worker.ts'
import type { Access } from '../../core/trust/access.ts'

export interface Needs {
  readonly access: Pick<Access, 'instances'>
  readonly instanceWork: Pick<InstanceWorker, 'nudge'>
  readonly trust: Pick<TrustChanges, 'closings'>
}
