// The parts of the server that the routes about the audit log need.

import type { Audit } from '../../core/audit/audit.ts'
import type { Keys } from '../../core/keys/keys.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Store } from '../../core/ports/store.ts'
import type { ServerNotes } from '../../core/sealing/server-notes.ts'
import type { Access } from '../../core/trust/access.ts'
import type { Plugs } from '../../doors/http/plugs.ts'

export interface Needs {
  readonly access: Access
  readonly audit: Audit
  readonly clock: Clock
  readonly keys: Keys
  readonly notes: Pick<ServerNotes, 'write'>
  readonly plugs: Plugs
  readonly store: Pick<Store, 'auditTimes' | 'objectCounts' | 'recoverable'>
}
