// Lists the root keys of a service, to choose from, and gives up what is left at a service that is gone for good.

import { RootKeyError } from '../../core/ports/root-key.ts'
import type { LeftThere } from '../../core/instances/left-standard-keys.ts'
import { visibleInstance } from '../../doors/http/authenticate.ts'
import type { Needs } from './needs.ts'
import type { SomeHandlers } from '../../doors/http/feature.ts'
import type { rootKeyRoutes } from './routes.ts'
import type { RootKeyAccess } from '../../core/ports/root-keys.ts'
import { Refusal } from '../../base/refusal.ts'

export const rootKeyHandlers = {
  listRootKeys: async (context, { asker, query }) => {
    const { rootKey, instance } = query
    if (instance === undefined) return list(context, rootKey)
    const { id } = await visibleInstance(context, asker, instance)
    return list(context, rootKey, { instanceId: id })
  },

  listRootKeysWith: async (context, { body }) => list(context, body.rootKey, { apiKey: body.ibmApiKey }),

  listLeftStandardKeys: async ({ trust }) => (await trust.leftStandardKeys.list()).map(shownLeft),

  forgetLeftStandardKeys: async ({ trust }, { asker, body: { service, left } }) => {
    return shownLeft(await trust.leftStandardKeys.forget(asker.by, { service, left }))
  },
} satisfies SomeHandlers<typeof rootKeyRoutes, Needs>

async function list({ rootKeys }: Needs, uri: string, access?: RootKeyAccess) {
  try {
    const listed = await rootKeys.list(uri, access)
    return listed.map(({ createdAt, lastRotatedAt, expiresAt, aliases, ...key }) => ({
      ...key,
      aliases: [...aliases],
      created: createdAt,
      lastRotated: lastRotatedAt,
      expires: expiresAt,
    }))
  } catch (error) {
    if (error instanceof RootKeyError) throw new Refusal('refused', error.message)
    throw error
  }
}

function shownLeft({ rootKeyUris, instances, inUse, ...there }: LeftThere) {
  return { ...there, rootKeys: [...rootKeyUris], instances: [...instances], inUse: [...inUse] }
}
