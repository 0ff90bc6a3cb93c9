// Leases in the database: which node may take a lease, and which fence (the number that each taking of a lease raises) is valid. It
// also stores the signs of life of the nodes. All times come from the database's clock.

import {
  isLeaseOver,
  type Fence,
  type LeaseRecord,
  type LeaseWrite,
  type NodeRecord,
} from '../../../core/ports/leases.ts'
import { StoreConflict } from '../../../core/ports/store.ts'
import { numberIn, orNull, textIn, type Row } from '../row.ts'
import { all, get, run, type Steps } from '../steps.ts'

export function* applyLeaseWrite(write: LeaseWrite): Steps<void> {
  if (write.type === 'node-sign') {
    const { name, version, kmip, startedMs } = write.node
    return yield* run('putNodeSign', name, version, kmip, startedMs, yield* now())
  }
  if (write.type === 'node-gone') return yield* run('removeNodeSign', write.name)
  const { name, fence } = write
  const row = yield* get('lease', name)
  switch (write.type) {
    case 'lease-taken': {
      const { holder, forMs } = write
      const last = row && leaseRow(row)
      const isFree =
        last === undefined ||
        last.holder === null ||
        last.holder === holder ||
        isLeaseOver(last.leftMs, forMs)
      if (!isFree) throw new StoreConflict('lease', `the node ${last.holder} has the lease ${name}`)
      const next = (last?.fence ?? 0) + 1
      if (fence !== next)
        throw new StoreConflict('lease', `the next fence of ${name} is ${next}, not ${fence}`)
      return yield* run('putLease', name, holder, fence, (yield* now()) + forMs)
    }
    case 'lease-renewed':
      requireFence(row, write)
      return yield* run('renewLease', (yield* now()) + write.forMs, name)
    case 'lease-returned':
      requireFence(row, write)
      return yield* run('returnLease', name)
    default:
      return write satisfies never
  }
}

/** Throws StoreConflict if another node took the lease since, or if it was returned. */
export function* checkFence(fence: Fence): Steps<void> {
  requireFence(yield* get('lease', fence.name), fence)
}

export function* findLeases(): Steps<readonly LeaseRecord[]> {
  return (yield* all('leases')).map(leaseRow)
}

export function* findNodes(): Steps<readonly NodeRecord[]> {
  return (yield* all('nodeSigns')).map((row) => ({
    name: textIn(row, 'name'),
    version: textIn(row, 'version'),
    kmip: textIn(row, 'kmip'),
    startedMs: numberIn(row, 'startedMs'),
    agoMs: Math.abs(numberIn(row, 'nowMs') - numberIn(row, 'seenMs')),
  }))
}

function requireFence(row: Row | undefined, { name, fence }: Fence): void {
  const last = row && leaseRow(row)
  if (last?.fence === fence && last.holder !== null) return
  throw new StoreConflict('lease', `this node has not the lease ${name} any more`)
}

function leaseRow(row: Row): LeaseRecord {
  return {
    name: textIn(row, 'name'),
    holder: orNull(row, 'holder', textIn),
    fence: numberIn(row, 'fence'),
    leftMs: numberIn(row, 'untilMs') - numberIn(row, 'nowMs'),
  }
}

function* now(): Steps<number> {
  return numberIn((yield* get('clockNow')) ?? {}, 'nowMs')
}
