// The state of a node that is known without its store: whether it serves, the troubles of its root keys, its clients and its
// processes.

import type { RootKeyCalls } from '../ports/root-keys.ts'
import type { ClosedKey } from '../sealing/closed-keys.ts'
import type { StoredItem } from '../sealing/integrity.ts'
import type { StandardKeyTrouble } from '../sealing/standard-key-troubles.ts'

export interface ReadinessFacts {
  readonly ready: boolean
  /** Why the node is not ready, or what it refuses now; a text for people. */
  readonly reason: string | null
  /** Why the node hands out no key, though the store is readable: the records of reads cannot be stored. Null: they can. */
  readonly refused: string | null
  /** The trouble of each instance's root key, by instance id. It does not make the node unready. */
  readonly degraded: ReadonlyMap<string, RootKeyTrouble>
  /** The ids of the instances whose root key has not answered since the start: the first check still runs. */
  readonly unknown: ReadonlySet<string>
  /** The ids of the instances whose root key is unreachable and whose keys come from memory. */
  readonly fromMemory: ReadonlySet<string>
  /** The reason of each trouble, by the id of the instance. In words for people. */
  readonly reasons: ReadonlyMap<string, string>
  /** Keys that did not open at their last use although their root key answers; at most `closedKeysMax` of each instance. */
  readonly closed: readonly ClosedKey[]
  /** Stored bytes that failed their authentication when they were last opened; at most `alteredItemsMax`. */
  readonly altered: readonly StoredItem[]
  /** Creating, reading or deleting standard keys that the service refuses. */
  readonly standardKeys: readonly StandardKeyTrouble[]
  /** The calls to root key services that are in progress. */
  readonly calls: readonly RootKeyCalls[]
}

/**
 * `unreachable`: the root key does not answer; its keys come from memory for a bounded time. `withdrawn`: its service refused;
 * its keys are not served. `failing`: the instance's keys do not open for another reason, which the log has.
 */
export type RootKeyTrouble = 'unreachable' | 'withdrawn' | 'failing'

export interface Traffic {
  /** The number of keys that clients fetch in a minute; null: not known yet. */
  readonly keysPerMinute: number | null
  /** KMIP connections that are open. */
  readonly connections: number
}

/** The processes that serve KMIP, where there are several. */
export interface WorkerFacts {
  readonly intended: number
  readonly serving: number
  /** How many ended unexpectedly within workerEndsWithinMs. */
  readonly endedLately: number
  /** Why the last such one ended; null: none has since the server started. */
  readonly lastEnd: string | null
}

/** The readiness of the node. It has every trouble of its processes, and is ready if an answering worker is ready. */
export function readinessOfAll(
  own: ReadinessFacts,
  workers: readonly ReadinessFacts[],
  { serving }: Pick<WorkerFacts, 'serving'>,
): ReadinessFacts {
  const all = [own, ...workers]
  const noWorker = own.ready && serving === 0 ? 'no worker serves' : null
  // Workers that do not answer in time are left out.
  const isAnyReady = workers.length === 0 || workers.some(({ ready }) => ready)
  return {
    ready: own.ready && noWorker === null && isAnyReady,
    reason: noWorker ?? firstOf(all.map(({ reason }) => reason)),
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

/** The first item of each name. */
function distinct<T>(items: readonly T[], nameOf: (item: T) => readonly unknown[]): readonly T[] {
  return [
    ...new Map(items.toReversed().map((item) => [JSON.stringify(nameOf(item)), item])).values(),
  ].toReversed()
}
