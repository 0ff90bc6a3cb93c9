// Makes a SQLite store of a dump (ports/backup.ts), beside its place, and moves it there when it is whole and on the
// disk. Until then the file has another name, so that no server takes it for a store.

import { randomUUID } from 'node:crypto'
import { existsSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { AuditEntry } from '../ports/audit.ts'
import type { DumpedRecord, DumpedTypes, DumpedWriter, LoadStore } from '../ports/backup.ts'
import { StoreUnavailable } from '../ports/store.ts'
import { applyWrite } from './apply.ts'
import { putInventory, putInventoryRow } from './apply-inventory.ts'
import { AuditChain, blockEntries } from './audit-chain.ts'
import { auditHash } from './hashes.ts'
import type { Effects } from './effects.ts'
import { writeSql } from './sql.ts'
import { sqliteText, sqliteTrouble } from './sqlite-errors.ts'
import { openFile } from './sqlite-file.ts'
import { Statements } from './statements.ts'
import { syncPath } from './sync-path.ts'

type WriteStatements = Statements<keyof typeof writeSql>

/** The endings of the files that SQLite and openFile put beside a database. */
const besides = ['', '-wal', '-shm', '-journal', '.lock']

/** The file that a restore fills, beside the database that it will be. */
export function restoringFileOf(file: string): string {
  return `${file}.restoring`
}

/** For the store that will be `file`. `openedMs`: the time of the new audit writer. */
export function sqliteLoader(file: string, openedMs: number): LoadStore {
  return async (pages, entries) => {
    if (existsSync(file))
      throw new StoreUnavailable('unavailable', `${file} is there already; nothing was changed`)
    const restoring = restoringFileOf(file)
    removeLoaded(restoring)
    try {
      await fill(restoring, pages, entries, openedMs)
      syncPath(restoring)
      renameSync(restoring, file)
      syncPath(path.dirname(file))
    } catch (error) {
      removeLoaded(restoring)
      throw asUnavailable(restoring, error)
    }
    rmSync(`${restoring}.lock`, { force: true })
  }
}

function removeLoaded(restoring: string): void {
  for (const suffix of besides) rmSync(restoring + suffix, { force: true })
}

async function fill(
  restoring: string,
  pages: AsyncIterable<readonly DumpedRecord[]>,
  entries: readonly AuditEntry[],
  openedMs: number,
): Promise<void> {
  const opened = openFile(restoring)
  try {
    const { database } = opened
    // The file counts only once it is whole and synced as a whole, so nothing before that need be.
    database.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -131072')
    const statements: WriteStatements = new Statements(database, writeSql)
    const loader = new Loader(statements)
    for await (const page of pages) transact(database, () => page.forEach((record) => loader.take(record)))
    transact(database, () => loader.finish(entries, openedMs))
    intoDatabase(database)
  } finally {
    opened.close()
  }
}

/** Only the database is moved to its place. Closing would pass over a log that the disk has no room for. */
function intoDatabase(database: DatabaseSync): void {
  const { busy } = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() ?? {}
  if (busy !== 0) throw new Error('another program reads the database that is being restored')
}

function transact(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE')
  work()
  database.exec('COMMIT')
}

class Loader {
  readonly #s: WriteStatements
  readonly #effects: Effects = {
    materialRemoved: false,
    pruned: false,
    trustRaised: false,
    checkpointed: false,
  }
  /** The writers' rows: id, and the id of their first entry. */
  readonly #writers = new Map<string, { readonly id: number; readonly firstEntry: number }>()
  readonly #blocks = new Map<number, { minMs: number; maxMs: number }>()
  #trustVersion = 0
  #nextEntry = 1
  #lastCheckpoint = 0

  constructor(statements: WriteStatements) {
    this.#s = statements
  }

  take({ type, value }: DumpedRecord): void {
    switch (type) {
      case 'trustVersion':
        this.#trustVersion = value
        return
      case 'secret':
        return this.#write({ type: 'new-secret', record: value })
      case 'trust':
        return this.#write({ type: 'trust', row: value })
      case 'dataKey':
        return this.#write({ type: 'data-key', record: value })
      case 'standardKey':
        return this.#write({ type: 'standard-key', record: value })
      case 'pending': {
        const { sha256, certificate, address, firstMs, lastMs, attempts } = value
        return void this.#s.run('putPending', sha256, certificate, address, firstMs, lastMs, attempts)
      }
      case 'seen':
        return this.#write({ type: 'seen', certificates: [value] })
      case 'clientSeen':
        return this.#write({ type: 'clients-seen', clients: [value] })
      case 'inventory':
        return putInventory(this.#s, value)
      case 'inventoryRow':
        return putInventoryRow(this.#s, value.inventoryId, value)
      case 'checkpoint': {
        this.#write({ type: 'checkpoint', checkpoint: value, follows: this.#lastCheckpoint })
        this.#lastCheckpoint = value.number
        return
      }
      case 'writer':
        return this.#writer(value)
      case 'entry':
        return this.#entry(value)
      case 'object':
        return this.#object(value)
      default:
        return void (type satisfies never)
    }
  }

  /** The new writer's entries come after all others, and name the heads that are there. */
  finish(entries: readonly AuditEntry[], openedMs: number): void {
    const chain = new AuditChain(this.#s, randomUUID(), openedMs)
    for (const entry of entries) chain.append(entry)
    chain.save()
    for (const [block, { minMs, maxMs }] of this.#blocks) this.#s.run('putBlock', block, minMs, maxMs)
    this.#s.run('liftTrustVersion', this.#trustVersion)
  }

  #write(write: Parameters<typeof applyWrite>[1]): void {
    applyWrite(this.#s, write, this.#effects)
  }

  #object({ record, names, index, clockSteps, lastFetchedMs: atMs }: DumpedTypes['object']): void {
    this.#write({ type: 'object', record, names, index, clockSteps })
    const { instanceId, uniqueIdentifier } = record
    if (atMs !== null) this.#write({ type: 'fetched', instanceId, uniqueIdentifier, atMs })
  }

  #writer({ writer, openedMs, number, hash, named, prunedTo, prunedHash }: DumpedWriter): void {
    const firstEntry = this.#nextEntry
    this.#nextEntry += number
    const begin = [prunedTo, prunedHash, prunedTo] as const
    const { rowId } = this.#s.run('loadWriter', writer, openedMs, firstEntry, number, hash, named, ...begin)
    this.#writers.set(writer, { id: rowId, firstEntry })
  }

  #entry({ writer, number, body, hash }: DumpedTypes['entry']): void {
    const row = this.#writers.get(writer)
    if (!row) throw new Error(`an audit entry names the writer ${writer}, which is not among the writers`)
    const { atMs, instanceId, object, actor } = JSON.parse(body) as AuditEntry
    const place = row.firstEntry + number - 1
    this.#s.run(
      'addEntry',
      place,
      row.id,
      number,
      atMs,
      instanceId === null ? null : auditHash('instance', instanceId),
      object === null ? null : auditHash('object', object),
      actor.certificateSha256 === null ? null : auditHash('certificate', actor.certificateSha256),
      hash,
      body,
    )
    this.#widenBlock(Math.floor(place / blockEntries), atMs)
  }

  #widenBlock(block: number, atMs: number): void {
    const known = this.#blocks.get(block)
    const [minMs, maxMs] = [Math.min(atMs, known?.minMs ?? atMs), Math.max(atMs, known?.maxMs ?? atMs)]
    this.#blocks.set(block, { minMs, maxMs })
  }
}

function asUnavailable(file: string, error: unknown): unknown {
  const trouble = sqliteTrouble(error)
  const full = trouble === 'full' || (error instanceof Error && 'code' in error && error.code === 'ENOSPC')
  if (!full && trouble === null) return error
  const why = full ? 'full' : trouble === 'busy' ? 'busy' : 'unavailable'
  return new StoreUnavailable(why, `write ${file}: ${sqliteText(error)}`, { cause: error })
}
