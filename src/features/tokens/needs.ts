// The parts of the server that the routes about tokens need.

import type { TrustChanges } from '../../core/instances/trust-changes.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Access } from '../../core/trust/access.ts'
import type { LastSeen } from '../../core/trust/last-seen.ts'
import type { Plugs } from '../../doors/http/plugs.ts'
import type { TokenRecovery, TokenRecoveryOptions } from './recovery.ts'

export interface Needs extends Omit<TokenRecoveryOptions, 'tokens'> {
  readonly access: Access
  readonly clock: Clock
  readonly lastSeen: Pick<LastSeen, 'of'>
  readonly plugs: Plugs
  readonly trust: TrustChanges
}

/** The service that the handlers work with. */
export interface TokenService extends Needs {
  /** The way back in for the owner of the data folder. */
  readonly tokenRecovery: TokenRecovery
}
