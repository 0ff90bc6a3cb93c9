// The parts of the server that the routes about keys need.

import type { Audit } from '../../core/audit/audit.ts'
import type { Keys } from '../../core/keys/keys.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Store } from '../../core/ports/store.ts'
import type { Access } from '../../core/trust/access.ts'
import type { Plugs } from '../../doors/http/plugs.ts'

export interface Needs {
  readonly access: Access
  readonly audit: Audit
  readonly clock: Clock
  readonly keys: Keys
  readonly plugs: Plugs
  readonly store: Pick<Store, 'objectCounts' | 'recoverable'>
}
