// The parts of the server that the routes about the audit log need.

import type { Audit } from '../../core/audit/audit.ts'
import type { Keys } from '../../core/keys/keys.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { LeaseName } from '../../core/ports/leases.ts'
import type { Store } from '../../core/ports/store.ts'
import type { ServerNotes } from '../../core/sealing/server-notes.ts'
import type { ServingNode } from '../../core/server/leases.ts'
import type { Access } from '../../core/trust/access.ts'
import type { Plugs } from '../../doors/http/plugs.ts'

export interface Needs {
  readonly access: Access
  readonly audit: Audit
  readonly clock: Clock
  readonly keys: Keys
  readonly leases: {
    readonly nodes: () => Promise<readonly ServingNode[]>
    /** The other node that does such work now, or null. */
    readonly elsewhere: (name: LeaseName) => Promise<string | null>
  }
  readonly notes: Pick<ServerNotes, 'read' | 'write' | 'change'>
  readonly plugs: Plugs
  readonly store: Pick<
    Store,
    | 'adoptedOnDemand'
    | 'databaseFacts'
    | 'auditSetBack'
    | 'auditTimes'
    | 'dataKeys'
    | 'objectCounts'
    | 'recoverable'
    | 'usage'
  >
}
