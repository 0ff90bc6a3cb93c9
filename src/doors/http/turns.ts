// The requests of the admin API take turns: one turn in each round of the event loop, in the order of arrival. The thread
// serves KMIP clients too, and their messages are read and answered between two turns.

import type { Turns } from '../../base/parts.ts'

/** A turn of a request. After this long, its work lets KMIP clients and other requests go first. */
const adminTurnMs = 1

export class AdminTurns {
  readonly #waiting: (() => void)[] = []
  #isPlanned = false

  /** The turns of one request; the first is still to come. */
  ofRequest(): Turns {
    let endMs = -Infinity
    return {
      get spent() {
        return performance.now() >= endMs
      },
      turn: async () => {
        await this.#next()
        endMs = performance.now() + adminTurnMs
      },
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#plan()
    })
  }

  /** A callback that is set within such a callback runs in the next round. */
  #plan(): void {
    if (this.#isPlanned || this.#waiting.length === 0) return
    this.#isPlanned = true
    setImmediate(() => {
      this.#isPlanned = false
      this.#waiting.shift()?.()
      this.#plan()
    })
  }
}
