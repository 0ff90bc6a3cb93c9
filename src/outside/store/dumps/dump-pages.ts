// Reads a whole store, page by page, as values of the ports (core/ports/backup.ts). The caller holds one transaction open, so
// that all pages show the same moment.

import { dumpPageRecords, objectsStepRows } from '../../../base/bounds.ts'
import type { DumpCounts, DumpedObject, DumpedRecord, DumpedWriter } from '../../../core/ports/backup.ts'
import { storedFeatures } from '../apply/apply-least-version.ts'
import { entriesOf } from '../apply/prune.ts'
import { inventoryRecord, inventoryRow, inventoryPlace } from '../inventory-reader.ts'
import { numberIn, orNull, textIn, type Row } from '../row.ts'
import {
  checkpointRow,
  clientSeenRow,
  dataKey,
  pendingRow,
  recoveryTimeRow,
  secretRow,
  seenRow,
  storedMark,
  storedObject,
  trustRow,
} from '../rows.ts'
import { standardKeyRecord } from '../standard-key-reader.ts'
import { all, get, type Steps } from '../steps.ts'

/** Runs the steps of a rule in the caller's transaction. */
type Read = <T>(steps: Steps<T>) => T | Promise<T>
type Page = readonly DumpedRecord[]

/** The caller must make this read first: it fixes the moment that the dump shows. */
export function* dumpCounts(): Steps<DumpCounts> {
  const totals = yield* all('objectTotals')
  const objects = totals.map((row) => [textIn(row, 'instanceId'), numberIn(row, 'count')])
  return {
    entries: numberIn((yield* get('entryTotal')) ?? {}, 'count'),
    objects: Object.fromEntries(objects),
  }
}

export async function* dumpPages(read: Read): AsyncGenerator<Page> {
  for (const page of await read(fewRecords())) yield page
  yield* byText(read, 'standardKeysAfter', 'id', (row) => ({
    type: 'standardKey',
    value: standardKeyRecord(row),
  }))
  yield (await read(all('pending'))).map((row): DumpedRecord => ({ type: 'pending', value: pendingRow(row) }))
  yield* byText(read, 'seenAfter', 'sha256', (row) => ({ type: 'seen', value: seenRow(row) }))
  yield* byText(read, 'clientsSeenAfter', 'clientId', (row) => ({
    type: 'clientSeen',
    value: clientSeenRow(row),
  }))
  const inventories = await read(all('currentInventories'))
  yield inventories.map((row): DumpedRecord => ({ type: 'inventory', value: inventoryRecord(row) }))
  for (const row of inventories) yield* inventoryRowsOf(read, row)
  yield (await read(all('recoveryTime'))).map((row): DumpedRecord => ({
    type: 'recoveryTime',
    value: recoveryTimeRow(row),
  }))
  yield* byNumber(read, 'checkpointsAfter', { column: 'number', pageRows: dumpPageRecords }, (row) => ({
    type: 'checkpoint',
    value: checkpointRow(row),
  }))
  const writers = await read(all('allWriters'))
  yield writers.map((row): DumpedRecord => ({ type: 'writer', value: dumpedWriter(row) }))
  for (const row of writers) yield* entries(read, row)
  yield* byNumber(read, 'objectsAfter', { column: 'sequence', pageRows: objectsStepRows }, (row) => ({
    type: 'object',
    value: dumpedObject(row),
  }))
  yield* byNumber(read, 'marksFrom', { column: 'number', pageRows: dumpPageRecords }, (row) => ({
    type: 'mark',
    value: storedMark(row),
  }))
}

/** The records that come first. There are never many of them. */
function* fewRecords(): Steps<Page[]> {
  const features = (yield* storedFeatures()).map((value): DumpedRecord => ({ type: 'leastVersion', value }))
  const version = numberIn((yield* get('trustVersion')) ?? {}, 'version')
  const secrets = (yield* all('secrets')).map((row): DumpedRecord => ({
    type: 'secret',
    value: secretRow(row),
  }))
  const trust = (yield* all('trustRows')).map((row): DumpedRecord => ({
    type: 'trust',
    value: trustRow(row),
  }))
  const keys = (yield* all('allDataKeys')).map((row): DumpedRecord => ({
    type: 'dataKey',
    value: dataKey(row),
  }))
  return [[...features, { type: 'trustVersion', value: version }, ...secrets], trust, keys]
}

async function* byText(
  read: Read,
  statement: 'standardKeysAfter' | 'seenAfter' | 'clientsSeenAfter',
  column: string,
  make: (row: Row) => DumpedRecord,
): AsyncGenerator<Page> {
  yield* inPages((last) => read(all(statement, last ? textIn(last, column) : '', dumpPageRecords)), make)
}

async function* byNumber(
  read: Read,
  statement: 'checkpointsAfter' | 'objectsAfter' | 'marksFrom',
  { column, pageRows }: { readonly column: string; readonly pageRows: number },
  make: (row: Row) => DumpedRecord,
): AsyncGenerator<Page> {
  yield* inPages((last) => read(all(statement, last ? numberIn(last, column) : 0, pageRows)), make)
}

async function* inventoryRowsOf(read: Read, inventory: Row): AsyncGenerator<Page> {
  const [sequence, inventoryId] = [numberIn(inventory, 'number'), textIn(inventory, 'id')]
  const after = (last: Row | undefined) => {
    const place = inventoryPlace(last && inventoryRow(last))
    return read(all('dumpedInventoryRows', sequence, ...place, dumpPageRecords))
  }
  yield* inPages(after, (row) => ({ type: 'inventoryRow', value: { inventoryId, ...inventoryRow(row) } }))
}

/** `next` reads the page after a row; without a row it reads the first page. */
async function* inPages(
  next: (last: Row | undefined) => Promise<readonly Row[]> | readonly Row[],
  make: (row: Row) => DumpedRecord,
): AsyncGenerator<Page> {
  let last: Row | undefined
  for (;;) {
    const rows = await next(last)
    last = rows.at(-1)
    if (!last) return
    yield rows.map(make)
  }
}

async function* entries(read: Read, row: Row): AsyncGenerator<Page> {
  const { writer, number: last, prunedTo } = dumpedWriter(row)
  for (let from = prunedTo + 1; from <= last; from += dumpPageRecords) {
    const to = Math.min(last, from + dumpPageRecords - 1)
    const rows = await read(entriesBetween(numberIn(row, 'id'), from, to))
    yield rows.map((entry): DumpedRecord => {
      const value = {
        writer,
        number: numberIn(entry, 'number'),
        body: textIn(entry, 'body'),
        hash: textIn(entry, 'hash'),
      }
      return { type: 'entry', value }
    })
  }
}

function* entriesBetween(writer: number, from: number, to: number): Steps<readonly Row[]> {
  const places = yield* entriesOf(writer, from, to)
  return places ? yield* all('entriesBetween', ...places, writer) : []
}

function dumpedWriter(row: Row): DumpedWriter {
  return {
    writer: textIn(row, 'writer'),
    openedMs: numberIn(row, 'openedMs'),
    number: numberIn(row, 'number'),
    hash: textIn(row, 'hash'),
    prunedTo: numberIn(row, 'beginNumber'),
    prunedHash: textIn(row, 'beginHash'),
    named: numberIn(row, 'named'),
  }
}

function dumpedObject(row: Row): DumpedObject {
  const { sequence: _, isPutBack: __, lastFetchedMs, ...record } = storedObject(row)
  const { names, index } = JSON.parse(textIn(row, 'indexed')) as {
    readonly names: readonly string[]
    readonly index: readonly (readonly [key: string, value: string])[]
  }
  return {
    record,
    names,
    index: index.map(([key, value]) => ({ key, value })),
    clockSteps: {
      activates: orNull(row, 'activates', numberIn),
      deactivates: orNull(row, 'deactivates', numberIn),
    },
    lastFetchedMs,
  }
}
