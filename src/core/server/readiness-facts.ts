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
