// All keys of an instance, those that were destroyed too: lists leave these out unless they are asked for by their state.

import type { Output } from '../../doors/http/route.ts'
import type { AdminClient } from '../../doors/http/client.ts'
import type { ReadPage } from '../../doors/cli/text/list.ts'
import { keyRoutes } from '../keys/routes.ts'

/** One list after the other, to be read to its end. */
export function listsOfAllKeys(
  admin: AdminClient,
  instance: string,
): readonly ReadPage<Output<typeof keyRoutes.listKeys>['keys'][number]>[] {
  return ([undefined, 'Destroyed', 'DestroyedCompromised'] as const).map((state) => async (page) => {
    const query = { ...page, ...(state !== undefined && { state }) }
    const { keys, after } = await admin.call(keyRoutes.listKeys, { instance, query })
    return { items: keys, after }
  })
}
