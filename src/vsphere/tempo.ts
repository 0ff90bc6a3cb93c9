// Time in the simulation: pauses as they were seen between real connections, divided by the speed, with some jitter.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from './random.ts'

/** A pause in which nothing happens at all (minutes between two health checks) is shortened by this much more. */
const idleShortening = 60
const jitter = 0.1

export class Tempo {
  readonly #speed: number
  readonly #chance: Chance

  /** `speed` 1 is that of the real ones. */
  constructor(speed: number, chance: Chance) {
    this.#speed = speed
    this.#chance = chance
  }

  /** Between connections that belong together; `ms` as it was seen. */
  async gap(ms: number): Promise<void> {
    const factor = 1 + jitter * (2 * this.#chance.next() - 1)
    await sleep((ms * factor) / this.#speed)
  }

  /** Between things that have nothing to do with each other. */
  async idle(ms: number): Promise<void> {
    await this.gap(ms / idleShortening)
  }
}
