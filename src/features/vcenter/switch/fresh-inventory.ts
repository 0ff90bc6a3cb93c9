// Reads all vCenters of an instance now, and says whether that is a whole inventory.

import { Refusal } from '../../../base/refusal.ts'
import type { InventoryRow } from '../../../core/ports/inventory.ts'
import { VsphereError } from '../../../outside/vsphere-api/errors.ts'
import type { VcenterService } from '../needs.ts'
import { inSession } from '../reach.ts'
import { allRows } from '../readings.ts'
import type { Vcenter } from '../vcenters.ts'
import { clientsOfNone, partialReasons, type VcenterReading } from '../wholeness.ts'

export interface FreshInventory {
  /** Sentences without a full stop; none: it is whole. */
  readonly reasons: readonly string[]
  /** By id of the vCenter. */
  readonly rows: ReadonlyMap<string, readonly InventoryRow[]>
}

type Parts = Pick<VcenterService, 'clock' | 'plugs' | 'readings' | 'vcenters'>

/** `known`: ids of clients that belong to these vCenters, besides those that are remembered. One vCenter after the other is read, by its stored login. */
export async function freshInventory(
  context: Parts,
  instanceId: string,
  { known, signal }: { readonly known: readonly string[]; readonly signal: AbortSignal },
): Promise<FreshInventory> {
  const all = await context.vcenters.of(instanceId)
  const rows = new Map<string, readonly InventoryRow[]>()
  const sides: VcenterReading[] = []
  for (const vcenter of all) {
    signal.throwIfAborted()
    sides.push(await sideOf(context, vcenter, rows, signal))
  }
  const seen = await context.plugs.clientsSeen(instanceId)
  const strangers = clientsOfNone(seen, [...all, { clients: known }], context.clock.now())
  return { reasons: partialReasons(sides, strangers), rows }
}

async function sideOf(
  { clock, readings }: Parts,
  vcenter: Vcenter,
  all: Map<string, readonly InventoryRow[]>,
  signal: AbortSignal,
): Promise<VcenterReading> {
  const { id, name, user } = vcenter
  const none = { name, login: user === undefined ? 'none' : 'off', reading: undefined } as const
  try {
    const read = await readings.inTurn(vcenter, (login) =>
      inSession(vcenter, login, clock, (session) => allRows(session, signal)),
    )
    if (!read) return { ...none, trouble: undefined }
    const { rows, hasDisks } = read
    all.set(id, rows)
    return { name, login: 'stored', reading: { ageMs: 0, hasDisks }, trouble: undefined }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof VsphereError || error instanceof Refusal)) throw error
    return { ...none, login: 'stored', trouble: error.message }
  }
}
