// The parts of the server that the routes about inventories need.

import type { Keys } from '../../core/keys/keys.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Inventories } from './inventories.ts'

export interface Needs {
  readonly clock: Clock
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
  readonly keys: Keys
}
