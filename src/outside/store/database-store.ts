// The part that both stores share: the reads, whose rules are written once (steps.ts), and the access log. sqlite/store.ts and
// postgres/store.ts run the steps of these rules on their database, and commit changes.

import type { KeyObject } from 'node:crypto'
import { lstatSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import type { AnchorUse, AnchorVerdict, AnchoredStore } from '../../core/ports/anchor.ts'
import type { AccessRecord, AuditEntry, AuditQuery, WriterHead } from '../../core/ports/audit.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Durability } from '../../core/ports/expectation.ts'
import type { InventoryStore } from '../../core/ports/inventory.ts'
import type { ObjectQuery, StoredObject } from '../../core/ports/objects.ts'
import type { StandardKeyQuery } from '../../core/ports/secrets.ts'
import { apartFromLease, fenceOfWork, LeaseElsewhere } from '../../core/ports/leases.ts'
import { OlderNode } from '../../core/ports/least-version.ts'
import {
  isLeaseLost,
  StoreConflict,
  StoreUnavailable,
  type Change,
  type DatabaseFacts,
  type Store,
  type StoreHealth,
  type WriteHealth,
} from '../../core/ports/store.ts'
import { objectsStepRows } from '../../base/bounds.ts'
import * as bounds from './bounds.ts'
import { andThen } from '../../base/maybe-promise.ts'
import { AccessLog } from './access/access-log.ts'
import { findLeases, findNodes } from './apply/apply-leases.ts'
import { findAudit, findBehind, findMisfiled } from './audit/audit-reader.ts'
import { forwardedName } from './apply/apply.ts'
import { findPruned } from './apply/prune.ts'
import { findMark, findMarksAfter, findMarksEnd, findUnmarked } from './mark-reader.ts'
import { findInventoryRows, findKeyUses, inventoryRecord } from './inventory-reader.ts'
import { numberIn, orNull, textIn, type Row } from './row.ts'
import {
  checkpointRow,
  clientSeenRow,
  dataKey,
  pendingRow,
  recoveryTimeRow,
  secretRow,
  seenRow,
  trustRow,
} from './rows.ts'
import { objectsBefore } from './object-reader.ts'
import type { DecidingReads } from './expected.ts'
import { countStandardKeyVersions, findStandardKeys } from './standard-key-reader.ts'
import { countStates } from './apply/state-counts.ts'
import { all, get, type StatementName, type Steps } from './steps.ts'
import { usageOf } from './apply/usage.ts'
import type { StoreThreads } from './threads.ts'

/** `result`: 'done', 'conflict', the reason of a refusal (`StoreUnavailable.why`), or 'failed' after any other error. */
export type CommitWatch = (about: { readonly result: string; readonly seconds: number }) => void

export interface DatabaseStoreOptions {
  readonly writer: string
  readonly clock: Clock
  /** The file of the access log. */
  readonly accessFile: string
  /** The name of this node, or null; see LeaseStore. */
  readonly node: string | null
  /** The name under which the database stores how far this node's access log was moved. */
  readonly accessName: string
  readonly anchorFile: string
  readonly onTrouble?: ((message: string) => void) | undefined
  readonly onCommit?: CommitWatch | undefined
  readonly threads?: StoreThreads | undefined
}

export abstract class DatabaseStore implements Store, AnchoredStore {
  readonly writer: string
  readonly node: string | null
  readonly anchorFile: string
  readonly #options: DatabaseStoreOptions
  #accessLog: AccessLog | undefined

  protected constructor(options: DatabaseStoreOptions) {
    this.#options = options
    this.writer = options.writer
    this.node = options.node
    this.anchorFile = options.anchorFile
  }

  /** Runs the steps of a rule that only reads. Throws StoreUnavailable. */
  protected abstract read<T>(steps: Steps<T>): T | Promise<T>
  protected abstract readonly deciding: DecidingReads
  protected abstract write(change: Change): Promise<void>
  /** Ends the connections after the pending changes are done. */
  protected abstract end(): Promise<void>
  abstract anchor(key: KeyObject, how: AnchorUse): Promise<AnchorVerdict>
  abstract openMarks(key: KeyObject): void
  protected abstract writeHealth(): WriteHealth

  health(): StoreHealth {
    const { writable, reason } = this.writeHealth()
    const refused = this.#accessLog?.refused ?? null
    if (refused === null) return { writable, reason, handsOut: true }
    const isSaid = reason === null || refused.includes(reason)
    return { writable: false, reason: isSaid ? refused : `${refused}: ${reason}`, handsOut: false }
  }

  async databaseFacts(): Promise<DatabaseFacts | null> {
    return null
  }

  trustVersion() {
    return this.deciding.trustVersion()
  }

  async trust() {
    const rows = await this.read(all('trust'))
    return {
      version: numberIn(rows[0] ?? {}, 'version'),
      // If there are no trust rows, the version comes in one row whose kind is NULL.
      rows: rows.filter((row) => row['kind'] !== null).map(trustRow),
    }
  }

  object(instanceId: string, uniqueIdentifier: string) {
    return andThen(
      this.deciding.object(instanceId, uniqueIdentifier),
      (object) => object && this.#withAccess(object),
    )
  }

  async objects(query: ObjectQuery) {
    const objects: StoredObject[] = []
    let before = query.beforeSequence ?? Number.MAX_SAFE_INTEGER
    // A page is read in steps, since material can be large.
    while (objects.length < query.limit) {
      const count = Math.min(objectsStepRows, query.limit - objects.length)
      const step = await this.read(objectsBefore(query, before, count))
      objects.push(...step.map((object) => this.#withAccess(object)))
      if (step.length < count || objects.length >= query.limit) break
      before = step.at(-1)?.sequence ?? 0
      await setImmediate()
    }
    return objects
  }

  async objectCounts(instanceId: string, nowMs: number) {
    return this.read(countStates(instanceId, nowMs))
  }

  async usage(instanceId: string) {
    return this.read(usageOf(instanceId))
  }

  async recoverable(instanceId: string) {
    const row = (await this.read(get('recoverableCount', instanceId, instanceId, instanceId))) ?? {}
    return {
      count: numberIn(row, 'count'),
      firstDueMs: orNull(row, 'firstDueMs', numberIn),
      lastDueMs: orNull(row, 'lastDueMs', numberIn),
    }
  }

  async dueObjects(untilMs: number, limit: number) {
    return (await this.read(all('dueObjects', untilMs, limit))).map((row) => ({
      instanceId: textIn(row, 'instanceId'),
      uniqueIdentifier: textIn(row, 'uniqueIdentifier'),
      version: numberIn(row, 'version'),
    }))
  }

  async recoveryTime() {
    const row = await this.read(get('recoveryTime'))
    return row ? recoveryTimeRow(row) : null
  }

  async adoptedOnDemand(instanceId: string) {
    const row = await this.read(get('adoptedOnDemand', instanceId))
    if (!row) return { count: 0, lastMs: null }
    return { count: numberIn(row, 'count'), lastMs: numberIn(row, 'lastMs') }
  }

  async marksAfter(number: number, limit: number) {
    return this.read(findMarksAfter(number, limit))
  }

  async marksEnd() {
    return this.read(findMarksEnd())
  }

  async mark(instanceId: string, uniqueIdentifier: string) {
    return this.read(findMark(instanceId, uniqueIdentifier))
  }

  async unmarked(afterSequence: number, limit: number) {
    return this.read(findUnmarked(afterSequence, limit))
  }

  async dataKeys(instanceId: string) {
    return (await this.read(all('dataKeys', instanceId))).map(dataKey)
  }

  async standardKeys(query: StandardKeyQuery) {
    return this.read(findStandardKeys(query))
  }

  async standardKeyVersions(instanceId: string) {
    return this.read(countStandardKeyVersions(instanceId))
  }

  async secrets() {
    return (await this.read(all('secrets'))).map(secretRow)
  }

  async inventories(instanceId?: string) {
    const rows = await this.read(
      instanceId === undefined ? all('inventories') : all('inventoriesOfInstance', instanceId),
    )
    return rows.map(inventoryRecord)
  }

  async inventoryRows(query: Parameters<InventoryStore['inventoryRows']>[0]) {
    return this.read(findInventoryRows(query))
  }

  async keyUses(query: Parameters<InventoryStore['keyUses']>[0]) {
    return this.read(findKeyUses(query))
  }

  async leases() {
    return this.read(findLeases())
  }

  async nodes() {
    return this.read(findNodes())
  }

  async pending() {
    return (await this.read(all('pending'))).map(pendingRow)
  }

  async seen(sha256s: readonly string[]) {
    return (await this.read(each('seen', sha256s))).map(seenRow)
  }

  async clientsSeen(clientIds: readonly string[]) {
    return (await this.read(each('clientSeen', clientIds))).map(clientSeenRow)
  }

  async openAccessLog(key: KeyObject) {
    const { accessFile, accessName, clock, onTrouble = () => {}, threads } = this.#options
    const moved = await this.read(get('metaNumber', accessName))
    this.#accessLog = await AccessLog.open({
      file: accessFile,
      name: accessName,
      key,
      movedTo: moved ? numberIn(moved, 'value') : 0,
      clock,
      commit: (change) => apartFromLease(() => this.commit(change)),
      onTrouble,
      startAppender: threads?.startAppender,
    })
  }

  async record(access: AccessRecord, durability: Durability = 'process') {
    const { entries, fetched, expect } = access
    if (expect) await this.deciding.check(expect)
    if (this.#accessLog) return this.#accessLog.append({ entries, fetched }, durability)
    const writes = fetched.map((one) => ({ type: 'fetched' as const, ...one }))
    return this.commit({ writes, entries, durability })
  }

  async audit(query: AuditQuery) {
    await this.#settle()
    return findAudit((steps) => this.read(steps), query)
  }

  /** Resolves once the records of reads are in the chain. Throws StoreUnavailable, also if the database gives no answer. */
  async #settle(): Promise<void> {
    if (!this.#accessLog) return
    const { promise: givenUp, reject: giveUp } = Promise.withResolvers<never>()
    const looking = this.#options.clock.every(bounds.storeSilentMs, () => {
      const { writable, reason } = this.writeHealth()
      if (!writable) giveUp(new StoreUnavailable('unavailable', reason ?? 'the store takes no changes'))
    })
    try {
      await Promise.race([this.#accessLog.settle(), givenUp])
    } finally {
      looking.cancel()
    }
  }

  async auditBehind(place: number, limit: number) {
    return findBehind((steps) => this.read(steps), place, limit)
  }

  async auditMisfiled() {
    return findMisfiled((steps) => this.read(steps))
  }

  async forwardedTo(target: string) {
    const row = await this.read(get('metaNumber', forwardedName(target)))
    return row ? numberIn(row, 'value') : 0
  }

  async auditHeads({ asStored } = { asStored: false }) {
    if (!asStored) await this.#settle()
    const rows = await this.read(all('writers'))
    return {
      heads: rows.map((row) => writerHead(row, 'number', 'hash')),
      beginnings: rows.map((row) => writerHead(row, 'beginNumber', 'beginHash')),
    }
  }

  async prunable(times: Parameters<Store['prunable']>[0], upTo: readonly WriterHead[]) {
    return this.read(findPruned(times, upTo))
  }

  /** Newest first. */
  async checkpoints(limit: number) {
    return (await this.read(all('checkpoints', limit))).map(checkpointRow)
  }

  async auditTimes() {
    // Reads only what is stored, so that a request for the server's status does not wait for a disk that hangs.
    const oldestMs = await this.#firstAuditTime()
    const row = (await this.read(get('newestAuditTime'))) ?? {}
    return { oldestMs, newestMs: orNull(row, 'newestMs', numberIn) }
  }

  async auditSetBack(ms: number) {
    const later = { order: 'newest', sinceMs: ms + 1, limit: 1 } as const
    const { after } = await findAudit((steps) => this.read(steps), later)
    return after === null ? null : this.#firstAuditTime(after)
  }

  async #firstAuditTime(after?: string): Promise<number | null> {
    const query = { order: 'oldest', limit: 1, ...(after !== undefined && { after }) } as const
    const [first] = (await findAudit((steps) => this.read(steps), query)).entries
    return first ? (JSON.parse(first.body) as AuditEntry).atMs : null
  }

  async commit(change: Change) {
    const lease = fenceOfWork()
    try {
      return await this.#commit(lease ? { ...change, expect: { ...change.expect, lease } } : change)
    } catch (error) {
      // A lost lease is not a conflict that a caller may retry or count as done.
      if (lease && isLeaseLost(error)) throw new LeaseElsewhere({ cause: error })
      if (error instanceof StoreConflict && error.what === 'older-node')
        throw new OlderNode(error.message, { cause: error })
      throw error
    }
  }

  async #commit(change: Change) {
    const { onCommit } = this.#options
    if (!onCommit) return this.write(change)
    const began = performance.now()
    let result = 'failed'
    try {
      await this.write(change)
      result = 'done'
    } catch (error) {
      if (error instanceof StoreConflict) result = 'conflict'
      if (error instanceof StoreUnavailable) result = error.why
      throw error
    } finally {
      onCommit({ result, seconds: (performance.now() - began) / 1000 })
    }
  }

  hasAnchor() {
    return lstatSync(this.anchorFile, { throwIfNoEntry: false }) !== undefined
  }

  /** Waits for the running commits. The caller may call it again. */
  async close() {
    const accessLog = this.#accessLog
    this.#accessLog = undefined
    await accessLog?.close()
    await this.end()
  }

  /** Adds the time of the last fetch, unless the database already has it. */
  #withAccess(object: StoredObject): StoredObject {
    const atMs = this.#accessLog?.fetchedMs(object.instanceId, object.uniqueIdentifier) ?? null
    return atMs === null || atMs <= (object.lastFetchedMs ?? 0) ? object : { ...object, lastFetchedMs: atMs }
  }
}

function writerHead(row: Row, numberName: string, hashName: string): WriterHead {
  return { writer: textIn(row, 'writer'), number: numberIn(row, numberName), hash: textIn(row, hashName) }
}

function* each(statement: StatementName, keys: readonly string[]): Steps<Row[]> {
  const rows: Row[] = []
  for (const key of keys) {
    const row = yield* get(statement, key)
    if (row) rows.push(row)
  }
  return rows
}
