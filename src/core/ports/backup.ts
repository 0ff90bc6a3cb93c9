// The content of a store as a stream of values that do not depend on the store, for backups and for a move to another kind of
// store. The comments are contracts, which the store contract test checks for every implementation. No logic here.

import type { InventoryRecord, InventoryRow } from './inventory.ts'
import type { StoreFeature } from './least-version.ts'
import type { AuditCheckpoint, AuditEntry, StoredAuditEntry } from './audit.ts'
import type { StoredMark } from './marks.ts'
import type { ClockSteps, IndexEntry, ObjectRecord, RecoveryTime } from './objects.ts'
import type { DataKeyRecord, SecretRecord, StandardKeyRecord } from './secrets.ts'
import type { CertificateSeen, ClientSeen, PendingClient, TrustRow } from './trust.ts'

/** An object, with the data that the store keeps beside its record. */
export interface DumpedObject {
  readonly record: ObjectRecord
  readonly names: readonly string[]
  readonly index: readonly IndexEntry[]
  readonly clockSteps: ClockSteps
  readonly lastFetchedMs: number | null
}

/** A writer of the audit log: its last entry, and its last pruned entry (number 0 and '' if nothing was pruned). */
export interface DumpedWriter {
  readonly writer: string
  readonly openedMs: number
  readonly number: number
  readonly hash: string
  readonly prunedTo: number
  readonly prunedHash: string
  /** The number of the writer's last entry when another writer's first entry last named it. 0: none did. */
  readonly named: number
}

/** A dump holds only current inventories. */
export interface DumpedInventoryRow extends InventoryRow {
  readonly inventoryId: string
}

/** One value of a dump, by its type. */
export interface DumpedTypes {
  /** A program that does not know this feature must not read the rest. */
  readonly leastVersion: StoreFeature
  readonly trustVersion: number
  readonly secret: SecretRecord
  readonly trust: TrustRow
  readonly dataKey: DataKeyRecord
  readonly standardKey: StandardKeyRecord
  readonly pending: PendingClient
  readonly seen: CertificateSeen
  readonly clientSeen: ClientSeen
  readonly inventory: InventoryRecord
  readonly inventoryRow: DumpedInventoryRow
  readonly recoveryTime: RecoveryTime
  readonly checkpoint: AuditCheckpoint
  readonly writer: DumpedWriter
  readonly entry: StoredAuditEntry
  readonly object: DumpedObject
  readonly mark: StoredMark
}

export type DumpedType = keyof DumpedTypes

/** The order of the records, so that a reader has the few records that it needs before the many others. */
export const dumpedTypes = [
  'leastVersion',
  'trustVersion',
  'secret',
  'trust',
  'dataKey',
  'standardKey',
  'pending',
  'seen',
  'clientSeen',
  'inventory',
  'inventoryRow',
  'recoveryTime',
  'checkpoint',
  'writer',
  'entry',
  'object',
  'mark',
] as const satisfies readonly DumpedType[]

export type DumpedRecord = {
  readonly [T in DumpedType]: { readonly type: T; readonly value: DumpedTypes[T] }
}[DumpedType]

/** The size of a dump, counted at the moment of the dump. */
export interface DumpCounts {
  readonly entries: number
  /** By instance id. Includes destroyed objects. */
  readonly objects: Readonly<Record<string, number>>
}

/**
 * A store at one moment: every commit before `open` resolved, and each later commit as a whole or not at all. Writers do not wait
 * for it, nor it for them. Memory is bounded by a page, however large the store is.
 */
export interface StoreDump {
  readonly counts: DumpCounts
  /**
   * The records in pages, once. Entries of one writer come in the order of their numbers, writers in the order in which they
   * began, checkpoints and marks by number, objects in the order of their creation. Throws StoreUnavailable.
   */
  pages(): AsyncIterable<readonly DumpedRecord[]>
  close(): void | Promise<void>
}

/**
 * Creates a store from a dump, in an empty place. `entries` are the audit entries of a new writer (absent: no new writer). All or
 * nothing: a killed or failed attempt leaves nothing that opens as a store, and can be repeated. Durable on return. `check` reads
 * the written data before it becomes a store. If `check` rejects, there is no store. The new store has no anchor, so it serves
 * nothing before the owner accepts the restore. Throws StoreUnavailable, and the errors of `pages` and `check`.
 */
export type LoadStore = (
  pages: AsyncIterable<readonly DumpedRecord[]>,
  entries: readonly AuditEntry[],
  check?: (loaded: Pick<StoreDump, 'counts' | 'pages'>) => Promise<void>,
) => Promise<void>
