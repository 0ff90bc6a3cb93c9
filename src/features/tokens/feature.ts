// The tokens of the admin API, and the way back in with the root key.

import { feature } from '../../doors/http/feature.ts'
import { guards } from './guards.ts'
import { tokenHandlers } from './handlers.ts'
import type { Needs, TokenService } from './needs.ts'
import { TokenRecovery } from './recovery.ts'
import { tokenRecoveryHandlers } from './recovery-handlers.ts'
import { tokenRoutes } from './routes.ts'

export const tokens = feature({
  routes: tokenRoutes,
  handlers: { ...tokenHandlers, ...tokenRecoveryHandlers },
  open: (needs: Needs): TokenService => ({
    ...needs,
    tokenRecovery: new TokenRecovery({ ...needs, tokens: needs.trust.tokens }),
  }),
  guards,
})
