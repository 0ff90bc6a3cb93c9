// Shares of the thread's time, as credit: a share gives some milliseconds of each second, and what is not used is saved up to a
// bound. A debt is paid back by waiting.
//
// Each client has such a share for its large messages: reading, copying and writing a megabyte takes so long that others would
// notice. What reading and writing takes is measured, since it depends on what the message is made of. A client that sends or
// fetches more than its share waits before its next message is read, and holds nothing meanwhile; what would have to wait too long is
// refused. One instance leaves a quarter of the time to the others, however many clients it has: with each one of them more,
// their messages cost more. Small messages take turns instead (turns.ts).

import { largeAnswerBytes } from '../../base/bounds.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { RequestParty } from './turns.ts'

/**
 * `largeMovingMsPerMegabyte`: the thread's work for moving a megabyte: TLS, copies, the collection of the buffers, and what the operation does with the
 * bytes. What reading and writing the message takes is measured. The share of the thread's time for the large messages of one client
 * (above untrustedMessageBytesMax, and answers above the other bound), how much unused time one may save up, and the most that is paid
 * back by waiting. So one client moves up to three megabytes a second. All clients of one instance that did so within
 * `largeTimeBusyMs` have together no more than `largeTimeClientsPerInstance` of them have, three quarters of the thread's time.
 */
export const largeMovingMsPerMegabyte = 15
export const largeTimePercent = 5
export const largeTimeSavedMaxMs = 100
export const largeTimeDebtMaxMs = 5_000
const largeTimeBusyMs = 60_000
const largeTimeClientsPerInstance = 15
const largeMessageClientsMax = 1_000

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

  /** Whether `ms` more would leave a debt that can still be paid back. */
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

interface ClientShare {
  readonly group: string
  readonly share: TimeShare
  /** When it was last used, monotonic milliseconds. */
  readonly usedAt: number
}

export class LargeMessages {
  /** By client. Those used last are last. */
  readonly #shares = new Map<string, ClientShare>()
  readonly #clock: Pick<Clock, 'monotonic' | 'sleep'>

  constructor(clock: Pick<Clock, 'monotonic' | 'sleep'>) {
    this.#clock = clock
  }

  /**
   * Resolves to true when the client may send `bytes`; to false if it would owe more than can be paid back, since very many of its
   * messages wait already.
   */
  async turn(client: RequestParty, bytes: number): Promise<boolean> {
    const share = this.#shareOf(client)
    const costMs = this.#costMs(client, movingMs(bytes))
    if (!share.bears(costMs)) return false
    share.spend(costMs)
    await this.paying(client)
    return true
  }

  /** Reading or writing a large message of the client took `ms`. It waits before its next request, if that was too much. */
  worked(client: RequestParty, ms: number): void {
    this.#shareOf(client).spend(this.#costMs(client, ms))
  }

  /** The client received `bytes`, which took `ms` to make. It waits before its next request, if that was too much. */
  sent(client: RequestParty, bytes: number, ms: number): void {
    if (bytes > largeAnswerBytes) this.#shareOf(client).spend(this.#costMs(client, movingMs(bytes) + ms))
  }

  /** Resolves when the client has paid for what it got, or has left; undefined if it owes nothing, as most do. */
  paying({ member }: RequestParty, abandoned?: AbortSignal): Promise<void> | undefined {
    const waitMs = this.#shares.get(member)?.share.waitMs() ?? 0
    return waitMs > 0 ? this.#clock.sleep(waitMs, abandoned) : undefined
  }

  #shareOf({ group, member }: RequestParty): TimeShare {
    const share = this.#shares.get(member)?.share ?? this.#newShare()
    this.#shares.delete(member)
    this.#shares.set(member, { group, share, usedAt: this.#clock.monotonic() })
    const [oldest] = this.#shares.keys()
    if (this.#shares.size > largeMessageClientsMax && oldest !== undefined) this.#shares.delete(oldest)
    return share
  }

  #newShare(): TimeShare {
    const options = {
      percent: largeTimePercent,
      savedMaxMs: largeTimeSavedMaxMs,
      debtMaxMs: largeTimeDebtMaxMs,
    }
    return new TimeShare(options, () => this.#clock.monotonic())
  }

  /** The time that the thread works for the client, times what it costs since many of its instance do so. */
  #costMs({ group }: RequestParty, ms: number): number {
    const sinceMs = this.#clock.monotonic() - largeTimeBusyMs
    let busy = 0
    for (const one of this.#shares.values()) if (one.group === group && one.usedAt > sinceMs) busy++
    return ms * Math.max(1, busy / largeTimeClientsPerInstance)
  }
}

/** The time to decrypt, copy or encrypt `bytes`. */
function movingMs(bytes: number): number {
  return (bytes / 1_000_000) * largeMovingMsPerMegabyte
}
