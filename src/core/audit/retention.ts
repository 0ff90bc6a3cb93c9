// Prunes the audit log automatically, as `audit.keep` says: at most once a day, since each prune adds an entry.

import type { Clock } from '../ports/clock.ts'
import { LeaseElsewhere, underLease, type Leases } from '../ports/leases.ts'
import type { Store } from '../ports/store.ts'
import { serverActor } from './actor.ts'
import type { Audit } from './audit.ts'

const dayMs = 24 * 3600_000

/** A target that gets the audit log, such as a SIEM. An entry that it lacks is not pruned. */
export interface AuditKeeper {
  readonly kind: 'syslog' | 'file'
  /** A URL or a path. */
  readonly target: string
  /** The time of the first entry that may not have reached the target. Null: the target has all. */
  readonly behindSinceMs: number | null
  /** Why this node cannot send, in words for people. Null: it can, or another node sends. */
  readonly trouble: string | null
}

export interface RetentionParts {
  readonly audit: Pick<Audit, 'prune'>
  readonly store: Pick<Store, 'auditHeads' | 'prunable'>
  readonly clock: Pick<Clock, 'now'>
  readonly believed: Pick<Clock, 'now'>
  readonly leases: Pick<Leases, 'hold'>
  readonly auditKeepers: () => Promise<readonly Pick<AuditKeeper, 'behindSinceMs'>[]>
}

/** Returns whether it pruned. `keepDays`: null keeps everything. */
export async function pruneExpired(
  { audit, store, clock, believed, leases, auditKeepers }: RetentionParts,
  keepDays: number | null,
): Promise<boolean> {
  const nowMs = believed.now()
  if (keepDays === null) return false
  const beforeMs = mayGoBeforeMs(nowMs - keepDays * dayMs, await auditKeepers())
  const { heads } = await store.auditHeads({ asStored: true })
  const old = await store.prunable({ beforeMs: beforeMs - dayMs, nowMs: clock.now() }, heads)
  if (old.length === 0) return false
  const lease = await leases.hold('audit-prune')
  if (!lease) return false
  try {
    await underLease(lease, () => audit.prune(serverActor, beforeMs))
    return true
  } catch (error) {
    // Another node has the lease now and prunes.
    if (error instanceof LeaseElsewhere) return false
    throw error
  }
}

/**
 * The time before which entries may be pruned. Clocks jump, so an entry behind an unsent one may be older, though hardly by a
 * day.
 */
export function mayGoBeforeMs(
  wantedMs: number,
  targets: readonly Pick<AuditKeeper, 'behindSinceMs'>[],
): number {
  const waiting = targets.flatMap(({ behindSinceMs }) =>
    behindSinceMs === null ? [] : [behindSinceMs - dayMs],
  )
  return Math.min(wantedMs, ...waiting)
}
