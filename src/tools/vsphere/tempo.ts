// Time in the simulation: the pauses between real connections, divided by the speed, with some jitter.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from './random.ts'

/** A pause in which nothing happens (minutes between two health checks) is shortened further by this factor. */
const idleShortening = 60
const jitter = 0.1

export class Tempo {
  readonly #speed: number
  readonly #chance: Chance
  readonly #signal: AbortSignal | undefined

  /** `speed` 1: as fast as the real ones. `signal` ends all pauses. */
  constructor(speed: number, chance: Chance, signal?: AbortSignal) {
    this.#speed = speed
    this.#chance = chance
    this.#signal = signal
  }

  /** A pause between connections that belong together. `ms`: as recorded. */
  async gap(ms: number): Promise<void> {
    const factor = 1 + jitter * (2 * this.#chance.next() - 1)
    await sleep((ms * factor) / this.#speed, undefined, { signal: this.#signal }).catch(() => undefined)
  }

  /** A pause between unrelated actions. */
  async idle(ms: number): Promise<void> {
    await this.gap(ms / idleShortening)
  }
}
