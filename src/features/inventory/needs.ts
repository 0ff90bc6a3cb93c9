// The parts of the server that the routes about inventories need.

import type { Keys } from '../../core/keys/keys.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Leases } from '../../core/ports/leases.ts'
import type { Log } from '../../core/ports/log.ts'
import type { Inventories, InventoriesStore } from './inventories.ts'

export interface Needs {
  readonly clock: Clock
  readonly keys: Keys
  readonly leases: Leases
  readonly log: Pick<Log, 'error'>
  readonly store: InventoriesStore
}

/** The service that the handlers work with. */
export interface InventoryService extends Pick<Needs, 'clock' | 'keys'> {
  readonly inventories: Inventories
}
