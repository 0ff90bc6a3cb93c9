// Records for a day which trusted clients asked for a KMIP version that this server does not support. It is in memory, bounded,
// and only for people. It decides nothing.

import type { Clock } from '../ports/clock.ts'

/** Clients that asked for an unsupported KMIP version: how many the server remembers, and how long. */
export const unservedVersionsMax = 100
export const unservedVersionsToldMs = 24 * 3600_000

export interface UnservedVersion {
  readonly clientId: string
  readonly instanceId: string
  /** The version that the message states: `3.0`. */
  readonly version: string
  readonly count: number
  readonly lastMs: number
}

export class UnservedVersions {
  readonly #clock: Pick<Clock, 'now'>
  readonly #versions = new Map<string, UnservedVersion>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  note(client: { readonly id: string; readonly instanceId: string }, version: string): void {
    const { id: clientId, instanceId } = client
    const name = `${clientId} ${version}`
    const count = (this.#versions.get(name)?.count ?? 0) + 1
    // Deleted first, so that the map keeps its entries in the order of their last use.
    this.#versions.delete(name)
    this.#versions.set(name, { clientId, instanceId, version, count, lastMs: this.#clock.now() })
    if (this.#versions.size > unservedVersionsMax) this.#makeRoom()
  }

  /** Drops the oldest entry of the instance with the most entries, since its clients may state any version. */
  #makeRoom(): void {
    const groups = Map.groupBy(this.#versions, ([, { instanceId }]) => instanceId)
    const most = Math.max(...[...groups.values()].map(({ length }) => length))
    const [oldest] = [...groups.values()].find(({ length }) => length === most) ?? []
    if (oldest) this.#versions.delete(oldest[0])
  }

  list(): readonly UnservedVersion[] {
    const sinceMs = this.#clock.now() - unservedVersionsToldMs
    for (const [name, { lastMs }] of this.#versions) if (lastMs < sinceMs) this.#versions.delete(name)
    return [...this.#versions.values()]
  }
}
