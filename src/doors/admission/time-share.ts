// A share of the thread's time: so many milliseconds of each second may be spent, and some saved ones. A debt is paid
// back by waiting. It measures nothing itself.

export interface TimeShareOptions {
  readonly percent: number
  readonly savedMaxMs: number
  readonly debtMaxMs: number
}

export class TimeShare {
  readonly #options: TimeShareOptions
  readonly #now: () => number
  #balanceMs: number
  #at: number

  /** `now`: monotonic milliseconds. */
  constructor(options: TimeShareOptions, now: () => number) {
    this.#options = options
    this.#now = now
    this.#balanceMs = options.savedMaxMs
    this.#at = now()
  }

  /** Whether so much would leave a debt that is still paid back. */
  bears(ms: number): boolean {
    return this.#balance() - ms >= -this.#options.debtMaxMs
  }

  /** May go below zero, because the cost is known only afterwards. A negative time is given back. */
  spend(ms: number): void {
    const { debtMaxMs, savedMaxMs } = this.#options
    this.#balanceMs = Math.min(savedMaxMs, Math.max(-debtMaxMs, this.#balance() - ms))
  }

  /** Milliseconds until time may be spent again; 0: now. */
  waitMs(): number {
    return Math.max(0, (-this.#balance() * 100) / this.#options.percent)
  }

  #balance(): number {
    const now = this.#now()
    const { percent, savedMaxMs } = this.#options
    this.#balanceMs = Math.min(savedMaxMs, this.#balanceMs + ((now - this.#at) * percent) / 100)
    this.#at = now
    return this.#balanceMs
  }
}
