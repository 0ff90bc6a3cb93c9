// A rekey campaign: its plan, which one approval covers by its hash, and how far each machine of it is. No logic here but the hash and
// the counts.

import { createHash } from 'node:crypto'
import type { RekeyWindow } from './window.ts'

/** The machines and clusters of one campaign. */
export const rekeyItemsMax = 10_000

/** The choices of the person who plans. */
export interface RekeyChoices {
  /** Names or identifiers of machines, hosts and clusters; `*` stands for any text. */
  readonly machines: readonly string[]
  /** Only those with a key of this key provider; undefined: of any. */
  readonly from?: string
  readonly isDeep: boolean
  /** The key provider of the new keys. */
  readonly provider: string
  /** Machines that vCenter works on at the same time. */
  readonly width: number
  /** undefined: at any time. */
  readonly window?: RekeyWindow
  /** New keys are used before a backup that was copied elsewhere has them. */
  readonly withoutCopy: boolean
}

export type RekeyKind = 'vm' | 'host' | 'vsan-cluster'

/**
 * `planned`: nothing was done. `cannot`: it is left out. `keyed`: vCenter made its new key, and no more is known. `done`: all its keys are
 * new. `failed`: vCenter refused, and it has its old keys. `changed`: it has other keys since the plan, or is gone: vCenter says so, and not this campaign did it.
 */
export type RekeyItemState = 'planned' | 'cannot' | 'keyed' | 'done' | 'failed' | 'changed'

export interface RekeyItem {
  readonly kind: RekeyKind
  /** vCenter's identifier, `vm-42`. */
  readonly id: string
  readonly name: string
  /** The keys that it had when the campaign was planned. */
  readonly old: readonly string[]
  readonly state: RekeyItemState
  /** The key that vCenter made for it. */
  readonly made?: string
  /** Why it cannot, failed or changed. */
  readonly reason?: string
}

/**
 * `planned`: not begun. `running`: one node works on it. `paused`: by a person, or by the server, with the reason. `done`: nothing is left
 * to do. `ended`: a person ended it early.
 */
export type RekeyState = 'planned' | 'running' | 'paused' | 'done' | 'ended'

/** A campaign without its items. A vCenter has one, the last. */
export interface Campaign {
  readonly vcenterId: string
  readonly instanceId: string
  readonly choices: RekeyChoices
  /** SHA-256 of everything that was planned, lower-case hex. */
  readonly hash: string
  /** How many parts its items are stored in. */
  readonly parts: number
  readonly plannedMs: number
  readonly state: RekeyState
  readonly beganMs: number | null
  readonly endedMs: number | null
  /** The person or token that began it. */
  readonly by: string | null
  /** The user of vCenter whose password is stored for it. */
  readonly user: string | null
  /** The time at which the password is removed. */
  readonly loginUntilMs: number | null
  /** Why the server paused it. */
  readonly reason: string | null
}

/** The hash that says which machines get new keys, and how. Items in another order have the same one. Those that cannot do not count. */
export function planHash(vcenterId: string, choices: RekeyChoices, items: readonly RekeyItem[]): string {
  const { machines, from, isDeep, provider, width, window, withoutCopy } = choices
  const how = [isDeep, provider, width, window ?? null, withoutCopy]
  const head = JSON.stringify([vcenterId, machines, from ?? null, ...how])
  const lines = items
    .filter(({ state }) => state !== 'cannot')
    .map(({ kind, id, old }) => JSON.stringify([kind, id, old.toSorted()]))
  return createHash('sha256')
    .update([head, ...lines.toSorted()].join('\n'))
    .digest('hex')
}

export type RekeyCounts = Readonly<Record<RekeyItemState, number>>

export function countsOf(items: readonly Pick<RekeyItem, 'state'>[]): RekeyCounts {
  const counts = { planned: 0, cannot: 0, keyed: 0, done: 0, failed: 0, changed: 0 }
  for (const { state } of items) counts[state]++
  return counts
}
