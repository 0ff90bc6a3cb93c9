// The state of a node that is known without its store: whether it serves, the trouble of its root keys, its clients and processes.

import type { RootKeyCalls } from '../ports/root-keys.ts'
import type { ClosedKey } from '../sealing/closed-keys.ts'
import type { StoredItem } from '../sealing/integrity.ts'
import type { StandardKeyTrouble } from '../sealing/standard-key-troubles.ts'

export interface ReadinessFacts {
  readonly ready: boolean
  /** Why the node is not ready, or what it refuses at the moment; a text for people. */
  readonly reason: string | null
  /** Why no key is handed out, though the store can be read: the records of reads are not taken. Null: they are. */
  readonly refused: string | null
  /** The trouble of each instance's root key, by instance id. It does not make the node unready. */
  readonly degraded: ReadonlyMap<string, RootKeyTrouble>
  /** The ids of those whose root key was not heard of since the start: the first look still runs. */
  readonly unknown: ReadonlySet<string>
  /** The ids of those whose root key cannot be reached and whose keys are served from memory. */
  readonly fromMemory: ReadonlySet<string>
  /** Why, by the id of the instance. In words for people. */
  readonly reasons: ReadonlyMap<string, string>
  /** Keys that did not open at their last use although their root key answers; at most `closedKeysMax` of each instance. */
  readonly closed: readonly ClosedKey[]
  /** Stored bytes that failed their authentication when they were last opened; at most `alteredItemsMax`. */
  readonly altered: readonly StoredItem[]
  /** Creating, reading or deleting standard keys that the service refuses. */
  readonly standardKeys: readonly StandardKeyTrouble[]
  /** The calls to root key services that are under way. */
  readonly calls: readonly RootKeyCalls[]
}

/**
 * `unreachable`: the root key does not answer; its keys are served from memory for a bounded time. `withdrawn`: its
 * service refused; its keys are not served. `failing`: the instance's keys do not open for another reason, which the
 * log has.
 */
export type RootKeyTrouble = 'unreachable' | 'withdrawn' | 'failing'

export interface Traffic {
  /** Keys that clients fetched, by the minute; null: it is not known yet. */
  readonly keysPerMinute: number | null
  /** KMIP connections that are open. */
  readonly connections: number
}

/** The processes that serve KMIP, where there are several. */
export interface WorkerFacts {
  readonly wanted: number
  readonly serving: number
  /** How many ended within workerEndsWithinMs that should not. */
  readonly endedLately: number
  /** Why the last one did; null: none did since the server runs. */
  readonly lastEnd: string | null
}

/** The readiness of the node: trouble that any of its processes has is the node's. It is ready if a worker that answers is. */
export function readinessOfAll(
  own: ReadinessFacts,
  workers: readonly ReadinessFacts[],
  { serving }: Pick<WorkerFacts, 'serving'>,
): ReadinessFacts {
  const all = [own, ...workers]
  const nobodyServes = own.ready && serving === 0 ? 'no worker serves' : null
  // Those that do not answer in time say nothing.
  const isAnyReady = workers.length === 0 || workers.some(({ ready }) => ready)
  return {
    ready: own.ready && nobodyServes === null && isAnyReady,
    reason: nobodyServes ?? firstOf(all.map(({ reason }) => reason)),
    refused: firstOf(all.map(({ refused }) => refused)),
    degraded: new Map(all.toReversed().flatMap(({ degraded }) => [...degraded])),
    unknown: new Set(all.flatMap(({ unknown }) => [...unknown])),
    fromMemory: new Set(all.flatMap(({ fromMemory }) => [...fromMemory])),
    reasons: new Map(all.toReversed().flatMap(({ reasons }) => [...reasons])),
    closed: distinct(
      all.flatMap(({ closed }) => closed),
      ({ instanceId, kind, id }) => [instanceId, kind, id],
    ),
    altered: distinct(
      all.flatMap(({ altered }) => altered),
      ({ instanceId, kind, id }) => [instanceId, kind, id],
    ),
    standardKeys: distinct(
      all.flatMap(({ standardKeys }) => standardKeys),
      ({ instanceId, what }) => [instanceId, what],
    ),
    calls: all.flatMap(({ calls }) => calls),
  }
}

function firstOf(reasons: readonly (string | null)[]): string | null {
  return reasons.find((reason) => reason !== null) ?? null
}

/** The first of each. */
function distinct<T>(items: readonly T[], nameOf: (item: T) => readonly unknown[]): readonly T[] {
  return [
    ...new Map(items.toReversed().map((item) => [JSON.stringify(nameOf(item)), item])).values(),
  ].toReversed()
}
