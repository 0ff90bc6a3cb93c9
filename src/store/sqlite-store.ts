// The embedded store: reads on a read-only connection of this thread, writes through the writer's thread. A read
// is one statement, so it sees one moment, and that moment is after every commit that was answered before.

import type { KeyObject } from 'node:crypto'
import { lstatSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import type { AnchoredStore, AnchorUse } from '../ports/anchor.ts'
import { StoreConflict, StoreUnavailable, type Change, type Store } from '../ports/store.ts'
import type { AccessRecord, AuditEntry, AuditQuery } from '../ports/audit.ts'
import type { Clock } from '../ports/clock.ts'
import type { InventoryStore } from '../ports/inventory.ts'
import type { ObjectQuery, StoredObject } from '../ports/objects.ts'
import type { StandardKeyQuery } from '../ports/secrets.ts'
import { limits } from '../limits.ts'
import { findAudit } from './audit-reader.ts'
import { indexHash } from './hashes.ts'
import {
  checkpointRow,
  clientSeenRow,
  dataKey,
  pendingRow,
  secretRow,
  seenRow,
  storedObject,
  trustRow,
} from './rows.ts'
import { findInventoryRows, findKeyUses, inventoryRecord } from './inventory-reader.ts'
import { ReadMemory } from './read-memory.ts'
import { readSql } from './sql.ts'
import { sqliteText, sqliteTrouble } from './sqlite-errors.ts'
import { findStandardKeys } from './standard-key-reader.ts'
import { countStates } from './state-counts.ts'
import { AccessLog } from './access-log.ts'
import { accessFileOf, anchorFileOf } from './data-folder.ts'
import { number, orNull, Statements, text } from './statements.ts'
import { usageOf } from './usage.ts'
import type { WriterThread } from './writer-thread.ts'

type ReadStatements = Statements<keyof typeof readSql>

/** `result`: done, conflict, or why the store refused it. */
export type CommitWatch = (about: { readonly result: string; readonly seconds: number }) => void

interface SqliteStoreOptions {
  readonly file: string
  readonly writer: string
  readonly thread: WriterThread
  readonly clock: Clock
  readonly onTrouble?: (message: string) => void
  readonly onCommit?: CommitWatch
}

export class SqliteStore implements Store, AnchoredStore {
  readonly writer: string
  readonly #file: string
  readonly #thread: WriterThread
  readonly #database: DatabaseSync
  readonly #statements: ReadStatements
  readonly #memory: ReadMemory
  readonly #options: SqliteStoreOptions
  readonly #onCommit: CommitWatch | undefined
  #accessLog: AccessLog | undefined

  /** Throws StoreUnavailable. The thread has the file open already. */
  constructor(options: SqliteStoreOptions) {
    const { file, writer, thread, onCommit } = options
    this.#options = options
    this.#onCommit = onCommit
    this.writer = writer
    this.#file = file
    this.#thread = thread
    this.#database = new DatabaseSync(file, { readOnly: true, timeout: limits.storeReadBusyMs })
    this.#database.exec('PRAGMA cache_size = -16384; PRAGMA trusted_schema = OFF')
    this.#statements = new Statements(this.#database, readSql)
    this.#memory = new ReadMemory(this.#database, this.#statements)
    thread.onAnswer = () => this.#memory.askAgain()
  }

  async trustVersion() {
    return this.#read(() => this.#memory.trustVersion())
  }

  async trust() {
    const rows = this.#read((s) => s.all('trust'))
    return {
      version: number(rows[0] ?? {}, 'version'),
      // One row without a kind tells the version when there is no trust.
      rows: rows.filter((row) => row['kind'] !== null).map(trustRow),
    }
  }

  async object(instanceId: string, uniqueIdentifier: string) {
    const object = this.#read(() => this.#memory.object(instanceId, uniqueIdentifier))
    return object && this.#withAccess(object)
  }

  async objects(query: ObjectQuery) {
    const found: StoredObject[] = []
    let before = query.beforeSequence ?? Number.MAX_SAFE_INTEGER
    // Material can be large, so a page is read in steps.
    while (found.length < query.limit) {
      const count = Math.min(limits.objectsStepRows, query.limit - found.length)
      const step = this.#read((s) => objectsBefore(s, query, before, count))
      found.push(...step.map((object) => this.#withAccess(object)))
      if (step.length < count || found.length >= query.limit) break
      before = step.at(-1)?.sequence ?? 0
      await setImmediate()
    }
    return found
  }

  async objectCounts(instanceId: string, nowMs: number) {
    return this.#read((s) => countStates(s, instanceId, nowMs))
  }

  async usage(instanceId: string) {
    return this.#read((s) => usageOf(s, instanceId))
  }

  async dataKeys(instanceId: string) {
    return this.#read((s) => s.all('dataKeys', instanceId)).map(dataKey)
  }

  async standardKeys(query: StandardKeyQuery) {
    return this.#read((s) => findStandardKeys(s, query))
  }

  async standardKeyVersions(instanceId: string) {
    const rows = this.#read((s) => s.all('standardKeyVersions', instanceId))
    return Object.fromEntries(rows.map((row) => [text(row, 'version'), number(row, 'count')]))
  }

  async secrets() {
    return this.#read((s) => s.all('secrets')).map(secretRow)
  }

  async inventories(instanceId?: string) {
    const rows = this.#read((s) =>
      instanceId === undefined ? s.all('inventories') : s.all('inventoriesOfInstance', instanceId),
    )
    return rows.map(inventoryRecord)
  }

  async inventoryRows(query: Parameters<InventoryStore['inventoryRows']>[0]) {
    return this.#read((s) => findInventoryRows(s, query))
  }

  async keyUses(query: Parameters<InventoryStore['keyUses']>[0]) {
    return this.#read((s) => findKeyUses(s, query))
  }

  async pending() {
    return this.#read((s) => s.all('pending')).map(pendingRow)
  }

  async seen(sha256s: readonly string[]) {
    const rows = this.#read((s) => sha256s.map((sha256) => s.get('seen', sha256)))
    return rows.filter((row) => row !== undefined).map(seenRow)
  }

  async clientsSeen(clientIds: readonly string[]) {
    const rows = this.#read((s) => clientIds.map((clientId) => s.get('clientSeen', clientId)))
    return rows.filter((row) => row !== undefined).map(clientSeenRow)
  }

  async openAccessLog(key: KeyObject) {
    const moved = this.#read((s) => s.get('accessMovedTo'))
    this.#accessLog = await AccessLog.open({
      file: accessFileOf(this.#file),
      key,
      movedTo: moved ? number(moved, 'sequence') : 0,
      clock: this.#options.clock,
      commit: (change) => this.commit(change),
      onTrouble: this.#options.onTrouble ?? (() => {}),
    })
  }

  async record(access: AccessRecord) {
    const { expect } = access
    if (expect) this.#read(() => this.#memory.check(expect))
    if (this.#accessLog) return this.#accessLog.append(access)
    const { entries, fetched } = access
    return this.commit({
      writes: fetched.map((one) => ({ type: 'fetched', ...one })),
      entries,
      durability: 'process',
    })
  }

  async audit(query: AuditQuery) {
    await this.#accessLog?.settle()
    return findAudit((work) => this.#read(work), query)
  }

  async auditHeads() {
    await this.#accessLog?.settle()
    const rows = this.#read((s) => s.all('writers'))
    return {
      heads: rows.map((row) => ({
        writer: text(row, 'writer'),
        number: number(row, 'number'),
        hash: text(row, 'hash'),
      })),
      beginnings: rows.map((row) => ({
        writer: text(row, 'writer'),
        number: number(row, 'beginNumber'),
        hash: text(row, 'beginHash'),
      })),
    }
  }

  /** Newest first. */
  async checkpoints(limit: number) {
    return this.#read((s) => s.all('checkpoints', limit)).map(checkpointRow)
  }

  async auditTimes() {
    const { entries } = await this.audit({ order: 'oldest', limit: 1 })
    const [first] = entries
    const oldestMs = first ? (JSON.parse(first.body) as AuditEntry).atMs : null
    const row = this.#read((s) => s.get('newestAuditTime')) ?? {}
    return { oldestMs, newestMs: orNull(row, 'newestMs', number) }
  }

  async commit(change: Change) {
    if (!this.#onCommit) return this.#thread.commit(change)
    const began = performance.now()
    let result = 'failed'
    try {
      await this.#thread.commit(change)
      result = 'done'
    } catch (error) {
      if (error instanceof StoreConflict) result = 'conflict'
      if (error instanceof StoreUnavailable) result = error.why
      throw error
    } finally {
      this.#onCommit({ result, seconds: (performance.now() - began) / 1000 })
    }
  }

  get anchorFile() {
    return anchorFileOf(this.#file)
  }

  hasAnchor() {
    return lstatSync(this.anchorFile, { throwIfNoEntry: false }) !== undefined
  }

  anchor(key: KeyObject, how: AnchorUse) {
    return this.#thread.anchor(key, how)
  }

  health() {
    return this.#thread.health
  }

  /** Waits for the commits that were called before. May be called again. */
  async close() {
    const accessLog = this.#accessLog
    this.#accessLog = undefined
    await accessLog?.close()
    // The writer is the last to close, so that the log ends up in the database.
    if (this.#database.isOpen) this.#database.close()
    await this.#thread.close()
  }

  /** With the last fetch, as far as it is not in the database yet. */
  #withAccess(object: StoredObject): StoredObject {
    const atMs = this.#accessLog?.fetchedMs(object.instanceId, object.uniqueIdentifier) ?? null
    return atMs === null || atMs <= (object.lastFetchedMs ?? 0) ? object : { ...object, lastFetchedMs: atMs }
  }

  #read<T>(work: (s: ReadStatements) => T): T {
    if (!this.#database.isOpen) throw new StoreUnavailable('unavailable', 'the store is closed')
    try {
      return work(this.#statements)
    } catch (error) {
      const trouble = sqliteTrouble(error)
      if (trouble === null) throw error
      const why = trouble === 'busy' || trouble === 'full' ? trouble : 'unavailable'
      throw new StoreUnavailable(why, `read ${this.#file}: ${sqliteText(error)}`, { cause: error })
    }
  }
}

/** A page of at most `count`. With `index`, the entry that the fewest objects have narrows it; the rest does not. */
function objectsBefore(s: ReadStatements, query: ObjectQuery, before: number, count: number): StoredObject[] {
  const { instanceId, index = [], includeDestroyed = false } = query
  let fewest: { readonly live: bigint; readonly destroyed: bigint } | undefined
  let fewestCount = Infinity
  for (const { key, value } of index) {
    const live = indexHash(instanceId, key, value, false)
    const destroyed = indexHash(instanceId, key, value, true)
    let objects = 0
    for (const hash of includeDestroyed ? [live, destroyed] : [live])
      objects += number(s.get('countByHash', hash, limits.indexCountMax) ?? {}, 'count')
    if (objects >= fewestCount) continue
    fewest = { live, destroyed }
    fewestCount = objects
  }
  if (!fewest)
    return s
      .all(includeDestroyed ? 'objectsWithDestroyed' : 'objects', instanceId, before, count)
      .map(storedObject)
  const live = s.all('objectsByHash', fewest.live, before, count).map(storedObject)
  if (!includeDestroyed) return live
  const destroyed = s.all('objectsByHash', fewest.destroyed, before, count).map(storedObject)
  return [...live, ...destroyed].toSorted((a, b) => b.sequence - a.sequence).slice(0, count)
}
