// How much is said of what anybody may bring about as often as they like: in each minute so much about each group, so
// much in all, and then one sentence that counts what was left out. Counts only; what is said, and where, others know.

import { limits } from '../limits.ts'

/** What was left out in one minute. */
export interface LeftOut {
  readonly count: number
  /** Groups with how many of each, most first; the largest few only. */
  readonly most: readonly (readonly [group: string, count: number])[]
  readonly groups: number
}

export class MinuteQuota {
  readonly #now: () => number
  readonly #tell: (leftOut: LeftOut) => void
  /** What has been said of each group. */
  readonly #said = new Map<string, number>()
  readonly #leftOut = new Map<string, number>()
  #saidInAll = 0
  #endsAt = 0
  #timer: NodeJS.Timeout | undefined

  /** `now`: monotonic milliseconds. `tell` gets what was left out at the end of its minute. */
  constructor(now: () => number, tell: (leftOut: LeftOut) => void) {
    this.#now = now
    this.#tell = tell
  }

  /** Whether one more about this group may be said; if not, it is counted. */
  take(group: string): boolean {
    if (this.#now() >= this.#endsAt) this.#begin()
    const said = this.#said.get(group) ?? 0
    if (said < limits.saidPerGroupMax && this.#saidInAll < limits.saidInAllMax) {
      this.#said.set(group, said + 1)
      this.#saidInAll += 1
      return true
    }
    // Those that come when many are counted already are counted together.
    const counted = this.#leftOut.has(group) || this.#leftOut.size < limits.countedGroupsMax ? group : ''
    this.#leftOut.set(counted, (this.#leftOut.get(counted) ?? 0) + 1)
    return false
  }

  /** Tells what was left out so far, as at the end of the minute. */
  flush(): void {
    clearTimeout(this.#timer)
    if (this.#leftOut.size === 0) return
    const all = [...this.#leftOut].toSorted(([, a], [, b]) => b - a)
    const count = all.reduce((sum, [, one]) => sum + one, 0)
    this.#leftOut.clear()
    const most = all.filter(([group]) => group !== '').slice(0, limits.namesToldMax)
    this.#tell({ count, most, groups: all.length })
  }

  #begin(): void {
    this.flush()
    this.#said.clear()
    this.#saidInAll = 0
    this.#endsAt = this.#now() + limits.strangerAuditEveryMs
    this.#timer = setTimeout(() => this.flush(), limits.strangerAuditEveryMs).unref()
  }
}
