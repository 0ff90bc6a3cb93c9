// Root keys to choose from, as the service that keeps them lists them.

import { RootKeyError } from '../../keys/root-key.ts'
import type { Handlers } from '../context.ts'
import { Refusal } from '../errors.ts'

export const rootKeyHandlers: Handlers<'listRootKeys'> = {
  listRootKeys: async ({ rootKeys }, { query }) => {
    try {
      const listed = await rootKeys.list(query.rootKey)
      return listed.map(
        ({ id, uri, name, aliases, state, keyRing, createdAt, lastRotatedAt, expiresAt }) => ({
          id,
          uri,
          name,
          aliases: [...aliases],
          state,
          keyRing,
          created: createdAt,
          lastRotated: lastRotatedAt,
          expires: expiresAt,
        }),
      )
    } catch (error) {
      if (error instanceof RootKeyError) throw new Refusal('refused', error.message)
      throw error
    }
  },
}
