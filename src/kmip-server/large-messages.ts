// A budget of the thread's time for each client's large messages: reading, copying and writing a megabyte takes so long that
// others would notice. A client that sends or fetches more than its share waits before its next message is read, and holds
// nothing meanwhile; what would have to wait too long is refused. Small messages take turns instead (shares.ts).

import { limits } from '../limits.ts'
import type { Clock } from '../ports/clock.ts'
import { TimeShare } from './time-share.ts'

export class LargeMessages {
  /** By client. Those used last are last. */
  readonly #shares = new Map<string, TimeShare>()
  readonly #clock: Pick<Clock, 'monotonic' | 'sleep'>

  constructor(clock: Pick<Clock, 'monotonic' | 'sleep'>) {
    this.#clock = clock
  }

  /**
   * Resolves to true when the client may send so many bytes; to false if it would owe more than is paid back, since very many of its
   * messages wait already.
   */
  async turn(client: string, bytes: number): Promise<boolean> {
    const share = this.#shareOf(client)
    if (!share.bears(costMs(bytes))) return false
    share.spend(costMs(bytes))
    await this.paying(client)
    return true
  }

  /** The client got so many bytes. It waits before its next request, if that was too much. */
  sent(client: string, bytes: number): void {
    if (bytes > limits.largeAnswerBytes) this.#shareOf(client).spend(costMs(bytes))
  }

  /** Resolves when the client has paid for what it got; undefined if it owes nothing, as most do. */
  paying(client: string): Promise<void> | undefined {
    const waitMs = this.#shares.get(client)?.waitMs() ?? 0
    return waitMs > 0 ? this.#clock.sleep(waitMs) : undefined
  }

  #shareOf(client: string): TimeShare {
    const known = this.#shares.get(client)
    const share =
      known ??
      new TimeShare(
        {
          percent: limits.largeTimePercent,
          savedMaxMs: limits.largeTimeSavedMaxMs,
          debtMaxMs: limits.largeTimeDebtMaxMs,
        },
        () => this.#clock.monotonic(),
      )
    this.#shares.delete(client)
    this.#shares.set(client, share)
    const [oldest] = this.#shares.keys()
    if (this.#shares.size > limits.largeMessageClientsMax && oldest !== undefined) this.#shares.delete(oldest)
    return share
  }
}

function costMs(bytes: number): number {
  return (bytes / 1_000_000) * limits.largeMessageMsPerMegabyte
}
