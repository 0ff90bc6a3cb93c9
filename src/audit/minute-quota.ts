// Bounds the entries and log lines about events that anybody can cause as often as they like: so many a minute for
// each group, so many in all, and at the end of the minute one report that counts the rest. It only counts; its user
// writes the entries and lines.

import { limits } from '../limits.ts'
import type { Clock, Timer } from '../ports/clock.ts'

/** The events of one minute that were only counted. */
export interface LeftOut {
  readonly count: number
  /** The largest groups, each with its count, the largest first. */
  readonly most: readonly (readonly [group: string, count: number])[]
  readonly groups: number
}

/** `203.0.113.7: 6800, 2001:db8::/64: 12` */
export function largest(most: LeftOut['most']): string {
  return most.map(([group, count]) => `${group}: ${count}`).join(', ')
}

export class MinuteQuota {
  readonly #clock: Clock
  readonly #tell: (leftOut: LeftOut) => void
  /** How many were let through this minute, by group. */
  readonly #passed = new Map<string, number>()
  readonly #leftOut = new Map<string, number>()
  #passedInAll = 0
  #endsAt = 0
  #timer: Timer | undefined

  /** `tell` is called at the end of each minute that left something out. */
  constructor(clock: Clock, tell: (leftOut: LeftOut) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  /** Whether one more of this group is let through; if not, it is counted. */
  take(group: string): boolean {
    if (this.#clock.monotonic() >= this.#endsAt) this.#begin()
    const passed = this.#passed.get(group) ?? 0
    if (passed < limits.minuteQuotaPerGroupMax && this.#passedInAll < limits.minuteQuotaMax) {
      this.#passed.set(group, passed + 1)
      this.#passedInAll += 1
      return true
    }
    // Groups beyond the bound are counted together, under the empty name.
    const counted = this.#leftOut.has(group) || this.#leftOut.size < limits.minuteQuotaGroupsMax ? group : ''
    this.#leftOut.set(counted, (this.#leftOut.get(counted) ?? 0) + 1)
    return false
  }

  /** Reports now what was left out so far. */
  flush(): void {
    this.#timer?.cancel()
    if (this.#leftOut.size === 0) return
    const all = [...this.#leftOut].toSorted(([, a], [, b]) => b - a)
    const count = all.reduce((sum, [, one]) => sum + one, 0)
    this.#leftOut.clear()
    const most = all.filter(([group]) => group !== '').slice(0, limits.namesToldMax)
    this.#tell({ count, most, groups: all.length })
  }

  #begin(): void {
    this.flush()
    this.#passed.clear()
    this.#passedInAll = 0
    this.#endsAt = this.#clock.monotonic() + limits.refusalEntryEveryMs
    this.#timer = this.#clock.after(limits.refusalEntryEveryMs, () => this.flush())
  }
}
