// Reads a whole SQLite store in one read transaction of a connection of its own, as values of the ports (ports/backup.ts).
// Made for a thread of its own: each page keeps the thread busy, and the write-ahead log grows while the dump is open.

import { DatabaseSync } from 'node:sqlite'
import { limits } from '../limits.ts'
import type { DumpCounts, DumpedObject, DumpedRecord, DumpedWriter, StoreDump } from '../ports/backup.ts'
import type { InventoryRow } from '../ports/inventory.ts'
import { StoreUnavailable } from '../ports/store.ts'
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
import { inventoryRecord, inventoryRow, placeOf } from './inventory-reader.ts'
import { dumpSql } from './sql-dump.ts'
import { sqliteText, sqliteTrouble } from './sqlite-errors.ts'
import { standardKey } from './standard-key-reader.ts'
import { number, orNull, Statements, text, type Row } from './statements.ts'

type DumpStatements = Statements<keyof typeof dumpSql>

/** Throws StoreUnavailable. */
export function openSqliteDump(file: string): StoreDump {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { readOnly: true, timeout: limits.storeBusyMs })
    database.exec('PRAGMA trusted_schema = OFF; BEGIN')
    return new SqliteDump(file, database)
  } catch (error) {
    database?.close()
    throw unavailable(file, error)
  }
}

class SqliteDump implements StoreDump {
  readonly counts: DumpCounts
  readonly #file: string
  readonly #database: DatabaseSync
  readonly #statements: DumpStatements

  /** Counting is the first read: it fixes the moment. */
  constructor(file: string, database: DatabaseSync) {
    this.#file = file
    this.#database = database
    this.#statements = new Statements(database, dumpSql)
    this.counts = countsOf(this.#statements)
  }

  async *pages(): AsyncGenerator<readonly DumpedRecord[]> {
    const pages = allPages(this.#statements)
    for (;;) {
      let page: IteratorResult<readonly DumpedRecord[], void>
      try {
        page = pages.next()
      } catch (error) {
        throw unavailable(this.#file, error)
      }
      if (page.done) return
      yield page.value
    }
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }
}

function countsOf(s: DumpStatements): DumpCounts {
  const objects = s.all('objectTotals').map((row) => [text(row, 'instanceId'), number(row, 'count')])
  return { entries: number(s.get('entryTotal') ?? {}, 'count'), objects: Object.fromEntries(objects) }
}

function* allPages(s: DumpStatements): Generator<readonly DumpedRecord[], void> {
  yield [
    { type: 'trustVersion', value: number(s.get('trustVersion') ?? {}, 'version') },
    ...s.all('secrets').map((row): DumpedRecord => ({ type: 'secret', value: secretRow(row) })),
  ]
  yield s.all('trustRows').map((row): DumpedRecord => ({ type: 'trust', value: trustRow(row) }))
  yield s.all('allDataKeys').map((row): DumpedRecord => ({ type: 'dataKey', value: dataKey(row) }))
  yield* byText(s, 'standardKeysAfter', 'id', (row) => ({ type: 'standardKey', value: standardKey(row) }))
  yield s.all('pending').map((row): DumpedRecord => ({ type: 'pending', value: pendingRow(row) }))
  yield* byText(s, 'seenAfter', 'sha256', (row) => ({ type: 'seen', value: seenRow(row) }))
  yield* byText(s, 'clientsSeenAfter', 'clientId', (row) => ({
    type: 'clientSeen',
    value: clientSeenRow(row),
  }))
  const inventories = s.all('currentInventories')
  yield inventories.map((row): DumpedRecord => ({ type: 'inventory', value: inventoryRecord(row) }))
  for (const row of inventories) yield* inventoryRowsOf(s, row)
  yield* byNumber(s, 'checkpointsAfter', { column: 'number', pageRows: limits.dumpPageRecords }, (row) => ({
    type: 'checkpoint',
    value: checkpointRow(row),
  }))
  const writers = s.all('allWriters')
  yield writers.map((row): DumpedRecord => ({ type: 'writer', value: dumpedWriter(row) }))
  for (const row of writers) yield* entriesOf(s, row)
  // Material can be large.
  yield* byNumber(s, 'objectsAfter', { column: 'sequence', pageRows: limits.objectsStepRows }, (row) => ({
    type: 'object',
    value: dumpedObject(row),
  }))
}

function* byText(
  s: DumpStatements,
  statement: 'standardKeysAfter' | 'seenAfter' | 'clientsSeenAfter',
  column: string,
  make: (row: Row) => DumpedRecord,
): Generator<readonly DumpedRecord[], void> {
  let after = ''
  for (;;) {
    const rows = s.all(statement, after, limits.dumpPageRecords)
    const last = rows.at(-1)
    if (!last) return
    yield rows.map(make)
    after = text(last, column)
  }
}

function* byNumber(
  s: DumpStatements,
  statement: 'checkpointsAfter' | 'objectsAfter',
  { column, pageRows }: { readonly column: string; readonly pageRows: number },
  make: (row: Row) => DumpedRecord,
): Generator<readonly DumpedRecord[], void> {
  let after = 0
  for (;;) {
    const rows = s.all(statement, after, pageRows)
    const last = rows.at(-1)
    if (!last) return
    yield rows.map(make)
    after = number(last, column)
  }
}

function* inventoryRowsOf(s: DumpStatements, inventory: Row): Generator<readonly DumpedRecord[], void> {
  const [sequence, inventoryId] = [number(inventory, 'number'), text(inventory, 'id')]
  let after: InventoryRow | undefined
  for (;;) {
    const rows = s.all('dumpedInventoryRows', sequence, ...placeOf(after), limits.dumpPageRecords)
    const last = rows.at(-1)
    if (!last) return
    yield rows.map((row): DumpedRecord => {
      return { type: 'inventoryRow', value: { inventoryId, ...inventoryRow(row) } }
    })
    after = inventoryRow(last)
  }
}

/** The entries of a writer are the ids from its first one on (migrations.ts). */
function* entriesOf(s: DumpStatements, row: Row): Generator<readonly DumpedRecord[], void> {
  const [id, firstEntry] = [number(row, 'id'), number(row, 'firstEntry')]
  const { writer, number: last, prunedTo } = dumpedWriter(row)
  for (let from = prunedTo + 1; from <= last; from += limits.dumpPageRecords) {
    const to = Math.min(last, from + limits.dumpPageRecords - 1)
    const rows = s.all('entriesBetween', firstEntry + from - 1, firstEntry + to - 1, id)
    yield rows.map((entry): DumpedRecord => {
      const value = {
        writer,
        number: number(entry, 'number'),
        body: text(entry, 'body'),
        hash: text(entry, 'hash'),
      }
      return { type: 'entry', value }
    })
  }
}

function dumpedWriter(row: Row): DumpedWriter {
  return {
    writer: text(row, 'writer'),
    openedMs: number(row, 'openedMs'),
    number: number(row, 'number'),
    hash: text(row, 'hash'),
    prunedTo: number(row, 'beginNumber'),
    prunedHash: text(row, 'beginHash'),
    named: number(row, 'named'),
  }
}

function dumpedObject(row: Row): DumpedObject {
  const { sequence: _, lastFetchedMs, ...record } = storedObject(row)
  const { names, index } = JSON.parse(text(row, 'indexed')) as {
    readonly names: readonly string[]
    readonly index: readonly (readonly [key: string, value: string])[]
  }
  return {
    record,
    names,
    index: index.map(([key, value]) => ({ key, value })),
    clockSteps: {
      activates: orNull(row, 'activates', number),
      deactivates: orNull(row, 'deactivates', number),
    },
    lastFetchedMs,
  }
}

function unavailable(file: string, error: unknown): StoreUnavailable {
  const trouble = sqliteTrouble(error)
  const why = trouble === 'busy' || trouble === 'full' ? trouble : 'unavailable'
  return new StoreUnavailable(why, `read all of ${file}: ${sqliteText(error)}`, { cause: error })
}
