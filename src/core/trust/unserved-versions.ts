// Which trusted clients asked for a version of KMIP that this server does not speak, for a day. In memory, bounded, and
// only for people: it decides nothing.

import type { Clock } from '../ports/clock.ts'

/** Clients that asked for a KMIP version that is not served: how many are remembered, and for how long. */
export const unservedVersionsMax = 100
export const unservedVersionsToldMs = 24 * 3600_000

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
    if (this.#asked.size > unservedVersionsMax) this.#makeRoom()
  }

  /** The oldest of the instance that has most gives way: its clients may state any version. */
  #makeRoom(): void {
    const groups = Map.groupBy(this.#asked, ([, { instanceId }]) => instanceId)
    const most = Math.max(...[...groups.values()].map(({ length }) => length))
    const [oldest] = [...groups.values()].find(({ length }) => length === most) ?? []
    if (oldest) this.#asked.delete(oldest[0])
  }

  list(): readonly UnservedVersion[] {
    const sinceMs = this.#clock.now() - unservedVersionsToldMs
    for (const [name, { lastMs }] of this.#asked) if (lastMs < sinceMs) this.#asked.delete(name)
    return [...this.#asked.values()]
  }
}
