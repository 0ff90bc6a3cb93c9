// The parts of the server that the routes about logins need.

import type { Clock } from '../../core/ports/clock.ts'
import type { Log } from '../../core/ports/log.ts'
import type { Secrets } from '../../core/sealing/secrets.ts'
import type { Config } from '../../outside/config/options.ts'
import type { Access } from '../../core/trust/access.ts'
import type { People } from '../../core/trust/people.ts'
import type { Sessions } from '../../core/trust/sessions.ts'
import type { Logins } from './logins.ts'
import type { Plugs } from '../../doors/http/plugs.ts'

export interface Needs {
  readonly access: Access
  readonly clock: Clock
  readonly log: Pick<Log, 'warn'>
  /** The people who logged in through the identity provider. */
  readonly people: People
  readonly plugs: Plugs
  readonly secrets: Secrets
  readonly sessions: Sessions
  readonly settings: { readonly now: Pick<Config, 'oidc'> }
}

/** The service that the handlers work with. */
export interface LoginService extends Omit<Needs, 'log' | 'secrets' | 'settings'> {
  readonly logins: Logins
}
