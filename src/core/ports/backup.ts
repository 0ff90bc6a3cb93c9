// Everything that a store holds, as a stream of values that do not know the store: for backups, and for a move to another
// kind of store. The comments are contracts; the store contract test holds every implementation to them. No logic here.

import type { InventoryRecord, InventoryRow } from './inventory.ts'
import type { Feature } from './least-version.ts'
import type { AuditCheckpoint, AuditEntry, StoredAuditEntry } from './audit.ts'
import type { StoredMark } from './marks.ts'
import type { ClockSteps, IndexEntry, ObjectRecord, RecoveryTime } from './objects.ts'
import type { DataKeyRecord, SecretRecord, StandardKeyRecord } from './secrets.ts'
import type { CertificateSeen, ClientSeen, PendingClient, TrustRow } from './trust.ts'

/** An object with what the store keeps beside its record. */
export interface DumpedObject {
  readonly record: ObjectRecord
  readonly names: readonly string[]
  readonly index: readonly IndexEntry[]
  readonly clockSteps: ClockSteps
  readonly lastFetchedMs: number | null
}

/** A writer of the audit log: its last entry, and its last pruned one (number 0 and '' if none was pruned). */
export interface DumpedWriter {
  readonly writer: string
  readonly openedMs: number
  readonly number: number
  readonly hash: string
  readonly prunedTo: number
  readonly prunedHash: string
  /** The number of its head when another writer's first entry last named it; 0: none did. */
  readonly named: number
}

/** Only inventories that count are dumped. */
export interface DumpedInventoryRow extends InventoryRow {
  readonly inventoryId: string
}

/** One value of a dump, by its type. */
export interface DumpedTypes {
  /** A program that does not know it may not read the rest. */
  readonly leastVersion: Feature
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

/** Records come in the order of these types, so that a reader knows what it needs before what is many. */
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

/** How much a dump will give, counted at the same moment. */
export interface DumpCounts {
  readonly entries: number
  /** By instance id; destroyed objects included. */
  readonly objects: Readonly<Record<string, number>>
}

/**
 * A store at one moment: everything that was committed before `open` resolved, and of later commits all or nothing.
 * Writers do not wait for it, nor it for them. Memory is bounded by a page, whatever the store holds.
 */
export interface StoreDump {
  readonly counts: DumpCounts
  /**
   * The records in pages, once. Entries of one writer come in the order of their numbers, writers in the order in which
   * they began, checkpoints and marks by number, objects in the order of their creation. Throws StoreUnavailable.
   */
  pages(): AsyncIterable<readonly DumpedRecord[]>
  close(): void | Promise<void>
}

/**
 * Makes a store of a dump, where there is none, with `entries` in the audit of a new writer (none: no new writer). All or
 * nothing: a killed or failed attempt leaves nothing that opens as a store, and can be repeated. Durable on return. `check`
 * reads what was written, before it is a store; if it rejects, there is none. The store has no anchor then, so it serves
 * nothing before a restore is accepted. Throws StoreUnavailable; what `pages` and `check` throw.
 */
export type LoadStore = (
  pages: AsyncIterable<readonly DumpedRecord[]>,
  entries: readonly AuditEntry[],
  check?: (loaded: Pick<StoreDump, 'counts' | 'pages'>) => Promise<void>,
) => Promise<void>
