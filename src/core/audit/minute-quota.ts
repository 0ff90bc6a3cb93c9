// Bounds the entries and log lines about events that any peer can cause at any rate: a maximum per minute for each group, a
// maximum in all, and at the end of the minute one report that counts the rest. This file only counts. Its caller writes the
// entries and lines.

import { namesShownMax, refusalEntryEveryMs } from '../../base/bounds.ts'
import type { Clock, Timer } from '../ports/clock.ts'

/** Entries in a minute: of one group (a subnet or a client), and of all groups. Then: the groups that are counted by name. */
export const minuteQuotaPerGroupMax = 10
export const minuteQuotaMax = 100
export const minuteQuotaGroupsMax = 1_000

/** The events of one minute that were counted and not written. */
export interface LeftOut {
  readonly count: number
  /** Each group with its count, the largest first. The empty name stands for the groups above the bound. */
  readonly groups: readonly (readonly [group: string, count: number])[]
}

/** The largest groups with their counts: `203.0.113.7: 6800, 2001:db8::/64: 12`. */
export function largest(groups: LeftOut['groups']): string {
  const named = groups.filter(([group]) => group !== '').slice(0, namesShownMax)
  return named.map(([group, count]) => `${group}: ${count}`).join(', ')
}

export class MinuteQuota {
  readonly #clock: Clock
  readonly #tell: (leftOut: LeftOut) => void
  /** How many events of each group passed this minute. */
  readonly #passed = new Map<string, number>()
  readonly #leftOut = new Map<string, number>()
  #passedInAll = 0
  #endsAt = 0
  #timer: Timer | undefined

  /** Calls `tell` a minute after it left something out, or earlier if a new minute begins. */
  constructor(clock: Clock, tell: (leftOut: LeftOut) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  /** Whether one more event of this group may pass. If not, counts it. */
  take(group: string): boolean {
    if (this.#clock.monotonic() >= this.#endsAt) this.#begin()
    const passed = this.#passed.get(group) ?? 0
    if (passed < minuteQuotaPerGroupMax && this.#passedInAll < minuteQuotaMax) {
      this.#passed.set(group, passed + 1)
      this.#passedInAll += 1
      return true
    }
    this.leaveOut(group)
    return false
  }

  /** Counts `count` events of this group for the next report. */
  leaveOut(group: string, count = 1): void {
    const counted = this.#leftOut.has(group) || this.#leftOut.size < minuteQuotaGroupsMax ? group : ''
    this.#leftOut.set(counted, (this.#leftOut.get(counted) ?? 0) + count)
    this.#timer ??= this.#clock.after(refusalEntryEveryMs, () => this.flush())
  }

  /** Reports the counts so far. */
  flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#leftOut.size === 0) return
    const groups = [...this.#leftOut].toSorted(([, a], [, b]) => b - a)
    const count = groups.reduce((sum, [, one]) => sum + one, 0)
    this.#leftOut.clear()
    this.#tell({ count, groups })
  }

  #begin(): void {
    this.flush()
    this.#passed.clear()
    this.#passedInAll = 0
    this.#endsAt = this.#clock.monotonic() + refusalEntryEveryMs
  }
}
