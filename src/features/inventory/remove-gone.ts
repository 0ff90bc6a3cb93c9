// Removes the rows of inventories that are gone, a step at a time, so that no commit waits long behind it. Of several nodes one
// removes; it takes what the others left too.

import { LeaseElsewhere, underLease, type Leases } from '../../core/ports/leases.ts'
import type { Store } from '../../core/ports/store.ts'

/** Rows that one commit removes. */
const inventorySweepRows = 2_000

export interface RemovalParts {
  readonly store: Pick<Store, 'inventories' | 'commit'>
  readonly leases: Leases
  /** Asked before each step. */
  readonly isStopped: () => boolean
}

/** Rejects with StoreUnavailable. */
export async function removeGone({ store, leases, isStopped }: RemovalParts): Promise<void> {
  const nextGone = async () => (await store.inventories()).find(({ state }) => state === 'gone')
  if (!(await nextGone())) return
  const lease = await leases.hold('inventory')
  if (!lease) return
  try {
    await underLease(lease, async () => {
      for (let gone = await nextGone(); gone && !isStopped(); gone = await nextGone()) {
        const rowsMax = inventorySweepRows
        const writes = [{ type: 'inventory-cleared', id: gone.id, rowsMax } as const]
        await store.commit({ writes, entries: [], durability: 'process' })
      }
    })
  } catch (error) {
    if (!(error instanceof LeaseElsewhere)) throw error
  } finally {
    await leases.giveBack(lease)
  }
}
