// Finds ids by name, since the audit log knows objects only by their ids: of keys, also by the machines that use them, of clients
// and of tokens.

import type { Turns } from '../../base/parts.ts'
import { formsOf } from '../../base/text/folded.ts'
import { listPageMax } from '../../base/bounds.ts'
import type { Clock } from '../ports/clock.ts'
import type { KeyUses } from '../ports/inventory.ts'
import type { Store } from '../ports/store.ts'
import type { Access } from '../trust/access.ts'
import { listKeys } from './key-search.ts'
import type { Keys } from './keys.ts'

/** `instanceId`: only what belongs to that instance; null: everything. */
export async function objectsNamed(
  {
    access,
    keys,
    store,
    clock,
    keyUses,
    turns,
  }: {
    readonly access: Pick<Access, 'snapshot'>
    readonly keys: Pick<Keys, 'scan' | 'show'>
    readonly store: Pick<Store, 'objectCounts' | 'recoverable'>
    readonly clock: Pick<Clock, 'now'>
    readonly keyUses: Pick<KeyUses, 'keysOfMachines'>
    readonly turns: Turns
  },
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
    turns,
    scan: (query: Parameters<typeof keys.scan>[0]) => keys.scan({ ...query, includeDestroyed: true }),
    show: (...where: Parameters<typeof keys.show>) => keys.show(...where),
    objectCounts: (id: string) => store.objectCounts(id, clock.now()),
    recoverable: (id: string) => store.recoverable(id),
  }
  const pages = await Promise.all(
    instances.flatMap((id) =>
      names.map((search) => listKeys(reader, id, { search, limit: listPageMax }, undefined)),
    ),
  )
  const ofMachines = await Promise.all(
    instances.map((id) => keyUses.keysOfMachines(id, (text) => names.includes(text), turns)),
  )
  return [
    ...new Set([
      ...rows.map(({ id }) => id),
      ...pages.flatMap(({ views }) => views.map((view) => view.uniqueIdentifier)),
      ...ofMachines.flatMap((ids) => [...ids].slice(0, listPageMax)),
    ]),
  ]
}
