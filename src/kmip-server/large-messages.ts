// Each client's share of the thread's time for large messages: reading, copying and writing a megabyte takes so long that
// others would notice. A client that sends or fetches more than its share waits before its next message is read, and holds
// nothing meanwhile; what would have to wait too long is refused. One instance leaves a quarter of the time to the others, however
// many clients it has: with each one of them more, their messages cost more. Small messages take turns instead (shares.ts).

import { limits } from '../limits.ts'
import type { Clock } from '../ports/clock.ts'
import type { Party } from './fair-queue.ts'
import { TimeShare } from './time-share.ts'

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
   * Resolves to true when the client may send so many bytes; to false if it would owe more than is paid back, since very many of its
   * messages wait already.
   */
  async turn(client: Party, bytes: number): Promise<boolean> {
    const share = this.#shareOf(client)
    const costMs = this.#costMs(client, bytes)
    if (!share.bears(costMs)) return false
    share.spend(costMs)
    await this.paying(client)
    return true
  }

  /** The client got so many bytes. It waits before its next request, if that was too much. */
  sent(client: Party, bytes: number): void {
    if (bytes > limits.largeAnswerBytes) this.#shareOf(client).spend(this.#costMs(client, bytes))
  }

  /** Resolves when the client has paid for what it got; undefined if it owes nothing, as most do. */
  paying({ member }: Party): Promise<void> | undefined {
    const waitMs = this.#shares.get(member)?.share.waitMs() ?? 0
    return waitMs > 0 ? this.#clock.sleep(waitMs) : undefined
  }

  #shareOf({ group, member }: Party): TimeShare {
    const share = this.#shares.get(member)?.share ?? this.#newShare()
    this.#shares.delete(member)
    this.#shares.set(member, { group, share, usedAt: this.#clock.monotonic() })
    const [oldest] = this.#shares.keys()
    if (this.#shares.size > limits.largeMessageClientsMax && oldest !== undefined) this.#shares.delete(oldest)
    return share
  }

  #newShare(): TimeShare {
    const options = {
      percent: limits.largeTimePercent,
      savedMaxMs: limits.largeTimeSavedMaxMs,
      debtMaxMs: limits.largeTimeDebtMaxMs,
    }
    return new TimeShare(options, () => this.#clock.monotonic())
  }

  #costMs({ group }: Party, bytes: number): number {
    const sinceMs = this.#clock.monotonic() - limits.largeTimeBusyMs
    let busy = 0
    for (const one of this.#shares.values()) if (one.group === group && one.usedAt > sinceMs) busy++
    const ownMs = (bytes / 1_000_000) * limits.largeMessageMsPerMegabyte
    return ownMs * Math.max(1, busy / limits.largeTimeClientsPerInstance)
  }
}
