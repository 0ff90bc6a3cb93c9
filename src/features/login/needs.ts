// The parts of the server that the routes about logins need.

import type { Audit } from '../../core/audit/audit.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Access } from '../../core/trust/access.ts'
import type { LastSeen } from '../../core/trust/last-seen.ts'
import type { People } from '../../core/trust/people.ts'
import type { Sessions } from '../../core/trust/sessions.ts'
import type { Logins } from './logins.ts'
import type { Plugs } from '../../doors/http/plugs.ts'

export interface Needs {
  readonly access: Access
  readonly audit: Audit
  readonly clock: Clock
  readonly lastSeen: Pick<LastSeen, 'of'>
  readonly logins: Pick<Logins, 'provider' | 'logoutUrl' | 'begin' | 'finish' | 'beginDevice' | 'pollDevice'>
  /** The people who logged in through the identity provider, and the ways to log in. */
  readonly people: Pick<People, 'accessOf' | 'end' | 'list' | 'idleMs'>
  readonly plugs: Plugs
  readonly sessions: Sessions
}
