// The way back in for the owner of the data folder who has the root key, though no token. Every user of this machine may ask. A
// token goes only to one who can read the challenge in the data folder and open it with the root key.

import { serverActor } from '../../core/audit/actor.ts'
import { RootKeyError } from '../../core/ports/root-key.ts'
import type { TokenService } from './needs.ts'
import type { SomeHandlers } from '../../doors/http/feature.ts'
import type { tokenRoutes } from './routes.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import { Refusal } from '../../base/refusal.ts'
import { isoTime } from '../../doors/http/views/shown.ts'

export const tokenRecoveryHandlers = {
  beginTokenRecovery: async ({ tokenRecovery }, { asker }) => {
    refuseOtherMachines(asker)
    try {
      return { file: await tokenRecovery.begin() }
    } catch (error) {
      if (error instanceof RootKeyError) throw new Refusal('refused', error.message)
      throw error
    }
  },

  recoverToken: async ({ tokenRecovery }, { asker, body }) => {
    refuseOtherMachines(asker)
    const { address } = asker.actor
    const by = { ...serverActor, address, requestId: asker.requestId }
    const made = await tokenRecovery.finish(by, body)
    if (!made)
      throw new Refusal(
        'forbidden',
        'this does not prove that you own the data folder and have the root key',
        'The challenge is valid for a minute: start again.',
      )
    const { token, bearer } = made
    return { id: token.id, role: token.role, expires: isoTime(token.expiresMs ?? 0), token: bearer }
  },
} satisfies SomeHandlers<typeof tokenRoutes, TokenService>

function refuseOtherMachines({ actor: { address } }: ApiRequester): void {
  if (address !== null && /^(127\.|::1$|::ffff:127\.)/.test(address)) return
  throw new Refusal('forbidden', 'a token is recovered on the machine of the server only')
}
