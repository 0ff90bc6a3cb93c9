// Which trusted clients asked for a version of KMIP that this server does not speak, for a day. In memory, bounded, and
// only for people: it decides nothing.

import { limits } from '../limits.ts'
import type { Clock } from '../ports/clock.ts'

export interface UnservedVersion {
  readonly clientId: string
  readonly instanceId: string
  /** As the message states it: `3.0`. */
  readonly version: string
  readonly count: number
  readonly lastMs: number
}

export class UnservedVersions {
  readonly #clock: Pick<Clock, 'now'>
  readonly #asked = new Map<string, UnservedVersion>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  note(client: { readonly id: string; readonly instanceId: string }, version: string): void {
    const { id: clientId, instanceId } = client
    const name = `${clientId} ${version}`
    const count = (this.#asked.get(name)?.count ?? 0) + 1
    // Deleted first, so that the oldest comes first in the map.
    this.#asked.delete(name)
    this.#asked.set(name, { clientId, instanceId, version, count, lastMs: this.#clock.now() })
    const [oldest] = this.#asked.keys()
    if (this.#asked.size > limits.unservedVersionsMax && oldest !== undefined) this.#asked.delete(oldest)
  }

  list(): readonly UnservedVersion[] {
    const sinceMs = this.#clock.now() - limits.unservedVersionsToldMs
    for (const [name, { lastMs }] of this.#asked) if (lastMs < sinceMs) this.#asked.delete(name)
    return [...this.#asked.values()]
  }
}
