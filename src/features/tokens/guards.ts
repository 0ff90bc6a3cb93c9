// A manager's token may need a second person.

import type { Guards } from '../../doors/http/feature.ts'
import type { TokenService } from './needs.ts'
import type { tokenRoutes } from './routes.ts'
import { days } from '../../core/conditions/line.ts'
import { expiryWithin } from '../../core/trust/token-changes.ts'
import { visibleInstance } from '../../doors/http/authenticate.ts'
import { isoTimeOrNull } from '../../doors/http/views/shown.ts'
import { expiresMsOf, tokenName } from './handlers.ts'

export const guards: Guards<typeof tokenRoutes, TokenService> = {
  createToken: {
    makesToken: true,
    acts: ({ body }) => (body.role === 'manager' ? ['token create manager'] : []),
    reach: async (context, { asker, body }) => {
      const named = body.instance ?? asker.instanceId
      return named === null ? null : (await visibleInstance(context, asker, named)).id
    },
    facts: async (context, { asker, body }) => {
      const { role, owner, expiresDays } = body
      expiryWithin(asker.token, expiresMsOf(context, body))
      const instance = body.instance ?? asker.instanceId
      return {
        Token: tokenName(body),
        Role: role,
        Owner: owner ?? 'nobody: a program',
        For:
          instance === null
            ? 'all instances and the server'
            : `the instance ${(await visibleInstance(context, asker, instance)).name}`,
        Expires:
          expiresDays === undefined
            ? (isoTimeOrNull(expiryWithin(asker.token, null)) ?? 'never')
            : `${days(expiresDays)} after its creation`,
      }
    },
  },
}
