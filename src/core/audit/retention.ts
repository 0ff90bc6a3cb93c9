// Prunes the audit log by itself, as `audit.keep` says: at most once a day, so that the log gains one entry a day by it.

import type { Clock } from '../ports/clock.ts'
import { LeaseElsewhere, underLease, type Leases } from '../ports/leases.ts'
import type { Store } from '../ports/store.ts'
import { serverActor } from './actor.ts'
import type { Audit } from './audit.ts'

const dayMs = 24 * 3600_000

export interface RetentionParts {
  readonly audit: Pick<Audit, 'prune'>
  readonly store: Pick<Store, 'auditHeads' | 'prunable'>
  readonly clock: Pick<Clock, 'now'>
  readonly believed: Pick<Clock, 'now'>
  readonly leases: Pick<Leases, 'hold'>
  /** How far the SIEM targets of the log are. Entries that a target lacks stay. */
  readonly siem: { readonly facts: () => Promise<readonly { readonly behindSinceMs: number | null }[]> }
}

/** Whether it pruned. `keepDays`: null keeps everything. */
export async function pruneExpired(
  { audit, store, clock, believed, leases, siem }: RetentionParts,
  keepDays: number | null,
): Promise<boolean> {
  const nowMs = believed.now()
  if (keepDays === null) return false
  const beforeMs = mayGoBeforeMs(nowMs - keepDays * dayMs, await siem.facts())
  const { heads } = await store.auditHeads({ asStored: true })
  const old = await store.prunable({ beforeMs: beforeMs - dayMs, nowMs: clock.now() }, heads)
  if (old.length === 0) return false
  const lease = await leases.hold('audit-prune')
  if (!lease) return false
  try {
    await underLease(lease, () => audit.prune(serverActor, beforeMs))
    return true
  } catch (error) {
    // The node that has the lease now prunes.
    if (error instanceof LeaseElsewhere) return false
    throw error
  }
}

/** Clocks jump, so an entry behind one that waits may be older than that one, though hardly by a day. */
export function mayGoBeforeMs(
  wantedMs: number,
  targets: readonly { readonly behindSinceMs: number | null }[],
): number {
  const waiting = targets.flatMap(({ behindSinceMs }) =>
    behindSinceMs === null ? [] : [behindSinceMs - dayMs],
  )
  return Math.min(wantedMs, ...waiting)
}
