// Standard keys that were just made: another node of the service may not know them yet and answer that there are none. Such an
// answer is believed only after some seconds.

import { standardKeyLookAfterMs } from '../../../base/bounds.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import { KeyProtectError } from './error.ts'

/** For this long after one was made, another node of the service may not know it. */
export const standardKeyUnknownMs = 5_000

export class JustMade {
  readonly #clock: Pick<Clock, 'monotonic' | 'sleep'>
  /** By id, oldest first: monotonic milliseconds until which an unknown one is asked for again. */
  readonly #untilMs = new Map<string, number>()

  constructor(clock: Pick<Clock, 'monotonic' | 'sleep'>) {
    this.#clock = clock
  }

  add(id: string): void {
    const now = this.#clock.monotonic()
    for (const [known, untilMs] of this.#untilMs) {
      if (untilMs > now) break
      this.#untilMs.delete(known)
    }
    this.#untilMs.set(id, now + standardKeyUnknownMs)
  }

  /** Makes a call that is about this standard key. Throws what the call throws. */
  async ask<T>(id: string, call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call()
      } catch (error) {
        const isUnknown = error instanceof KeyProtectError && error.refusal?.status === 404
        if (!isUnknown || this.#clock.monotonic() >= (this.#untilMs.get(id) ?? -Infinity)) throw error
      }
      await this.#clock.sleep(standardKeyLookAfterMs)
    }
  }
}
