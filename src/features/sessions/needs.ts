// The parts of the server that the routes about sessions need.

import type { Audit } from '../../core/audit/audit.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Access } from '../../core/trust/access.ts'
import type { LastSeen } from '../../core/trust/last-seen.ts'
import type { People } from '../../core/trust/people.ts'
import type { Sessions } from '../../core/trust/sessions.ts'
import type { Plugs } from '../../doors/http/plugs.ts'

export interface Needs {
  readonly access: Access
  readonly audit: Pick<Audit, 'enter'>
  readonly clock: Clock
  readonly lastSeen: Pick<LastSeen, 'of'>
  /** The people who logged in through the identity provider. */
  readonly people: Pick<People, 'end' | 'idleMs' | 'list'>
  readonly plugs: Plugs
  readonly sessions: Sessions
}
