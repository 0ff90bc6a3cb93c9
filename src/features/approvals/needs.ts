// The parts of the server that the routes about acts that wait for a second person need.

import type { Audit } from '../../core/audit/audit.ts'
import type { TrustChanges } from '../../core/instances/trust-changes.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { GuardedAct } from '../../core/ports/guarded-acts.ts'
import type { Store } from '../../core/ports/store.ts'
import type { Secrets } from '../../core/sealing/secrets.ts'
import type { Access } from '../../core/trust/access.ts'
import type { People } from '../../core/trust/people.ts'
import type { OpenRoutes } from '../../doors/http/open-route.ts'
import type { Log } from '../../core/ports/log.ts'
import type { ServerNotes } from '../../core/sealing/server-notes.ts'
import type { NodeLeases } from '../../core/server/leases.ts'

export interface Needs {
  readonly access: Access
  readonly audit: Audit
  readonly clock: Clock
  /** Acts that need a second person, as configured. */
  readonly guardedActs: readonly GuardedAct[]
  readonly leases: Pick<NodeLeases, 'during'>
  readonly log: Log
  readonly notes: ServerNotes
  /** The people who logged in through the identity provider, and the ways to log in. */
  readonly people: Pick<People, 'loginOf' | 'managerGroups'>
  /** All routes that are served, once everything is open. */
  readonly routes: () => OpenRoutes
  readonly secrets: Pick<Secrets, 'fresh' | 'put' | 'seal'>
  readonly store: Pick<Store, 'node' | 'usage'>
  readonly trust: TrustChanges
}

/** The service that the handlers work with. */
export interface Approvals extends Omit<Needs, 'guardedActs'> {
  /** The acts that are guarded. */
  readonly acts: readonly GuardedAct[]
  /** Carries out what was approved, and ends the requests of askers whose token or session has ended. */
  readonly look: () => void
}
