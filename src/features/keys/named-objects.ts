// The ids of what has a name, as the audit log knows objects by their ids alone: keys, also by the machines that use them,
// clients and tokens.

import { formsOf } from '../../base/text/folded.ts'
import { listPageMax } from '../../base/bounds.ts'
import type { AdminContext } from '../../doors/http/context.ts'
import { listKeys } from './key-list.ts'

/** `instanceId`: only what belongs to that instance; null: everything. */
export async function objectsNamed(
  {
    access,
    keys,
    store,
    clock,
    inventories,
  }: Pick<AdminContext, 'access' | 'keys' | 'store' | 'clock' | 'inventories'>,
  name: string,
  instanceId: string | null,
): Promise<readonly string[]> {
  const names = formsOf(name)
  const { tables } = await access.snapshot()
  const mine = (one: { readonly instanceId: string | null }) =>
    instanceId === null || one.instanceId === instanceId
  const rows = [...tables.client.values(), ...tables.token.values()].filter(
    (row) => names.includes(row.name) && mine(row),
  )
  const instances = [...tables.instance.keys()].filter((id) => instanceId === null || id === instanceId)
  const reader = {
    scan: (query: Parameters<typeof keys.scan>[0]) => keys.scan({ ...query, includeDestroyed: true }),
    show: (...where: Parameters<typeof keys.show>) => keys.show(...where),
    objectCounts: (id: string) => store.objectCounts(id, clock.now()),
    recoverable: (id: string) => store.recoverable(id),
  }
  const found = await Promise.all(
    instances.flatMap((id) =>
      names.map((search) => listKeys(reader, id, { search, limit: listPageMax }, undefined)),
    ),
  )
  const ofMachines = await Promise.all(
    instances.map((id) => inventories.keysOfMachines(id, (text) => names.includes(text))),
  )
  return [
    ...new Set([
      ...rows.map(({ id }) => id),
      ...found.flatMap(({ views }) => views.map((view) => view.uniqueIdentifier)),
      ...ofMachines.flatMap((ids) => [...ids].slice(0, listPageMax)),
    ]),
  ]
}
