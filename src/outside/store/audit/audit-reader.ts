// Finds audit entries page by page. The narrowest filter picks the index; then every filter is compared with the entry's text. A
// step reads a bounded number of entries and then lets other requests run, so that a search through years of entries does not
// delay them.

import { setImmediate } from 'node:timers/promises'
import type {
  Actor,
  AuditEntry,
  AuditQuery,
  PlacedEntry,
  StoredAuditEntry,
} from '../../../core/ports/audit.ts'
import { blockEntries } from './audit-chain.ts'
import { auditHash, objectHashes } from '../hashes.ts'
import { numberIn, orNull, textIn, type Row } from '../row.ts'
import { all, get, type Steps } from '../steps.ts'

/** The most entries that one step of a search reads. */
const auditStepEntries = 500
/** The most misfiled entries that a verification names. The columns of a misfiled entry contradict its text, so lists miss it. */
const auditMisfiledMax = 100

interface Page {
  readonly entries: readonly StoredAuditEntry[]
  readonly after: string | null
}

/** `read` runs the steps of a rule, and translates their errors. */
export async function findAudit(
  read: <T>(steps: Steps<T>) => T | Promise<T>,
  query: AuditQuery,
): Promise<Page> {
  const newest = query.order === 'newest'
  const entries: StoredAuditEntry[] = []
  // The first id not yet read, in the direction of the search.
  let next: number | null = newest ? Number.MAX_SAFE_INTEGER : 1
  if (query.after !== undefined) next = place(query.after) + (newest ? -1 : 1)
  // The search skips entries up to this place.
  const until = query.newerThan === undefined ? 0 : place(query.newerThan)
  let last: number | null = null
  while (next !== null && next > until && entries.length < query.limit) {
    const from: number = next
    const step: Step = await read(isIndexed(query) ? byIndex(query, from) : byBlock(query, from))
    next = step.next
    for (const row of step.rows) {
      if (numberIn(row, 'entry') <= until) continue
      if (!matches(textIn(row, 'body'), query)) continue
      if (entries.length === query.limit) break
      entries.push(storedEntry(row))
      last = numberIn(row, 'entry')
    }
    if (next !== null && entries.length < query.limit) await setImmediate()
  }
  return { entries: entries, after: entries.length === query.limit && last !== null ? String(last) : null }
}

/** The entries behind a place (the id of an entry), in the order of writing. */
export async function findBehind(
  read: <T>(steps: Steps<T>) => T | Promise<T>,
  place: number,
  limit: number,
): Promise<readonly PlacedEntry[]> {
  const placed: PlacedEntry[] = []
  let next: number | null = place + 1
  while (next !== null && placed.length < limit) {
    const step: Step = await read(byBlock({ order: 'oldest', limit }, next))
    next = step.next
    placed.push(...step.rows.map((row) => ({ ...storedEntry(row), place: numberIn(row, 'entry') })))
    if (next !== null) await setImmediate()
  }
  return placed.slice(0, limit)
}

/** See AuditStore. */
export async function findMisfiled(
  read: <T>(steps: Steps<T>) => T | Promise<T>,
): Promise<readonly Pick<StoredAuditEntry, 'writer' | 'number'>[]> {
  const misfiled: Row[] = []
  let rows: readonly Row[] = []
  let behind = (await read(firstKeptPlace())) - 1
  do {
    rows = await read(all('auditFiling', behind, auditStepEntries))
    const last = rows.at(-1)
    if (last) behind = numberIn(last, 'entry')
    misfiled.push(...rows.filter((row) => !isFiled(row)))
    await setImmediate()
  } while (rows.length === auditStepEntries && misfiled.length < auditMisfiledMax)
  return misfiled
    .slice(0, auditMisfiledMax)
    .map((row) => ({ writer: textIn(row, 'writer'), number: numberIn(row, 'number') }))
}

function isFiled(row: Row): boolean {
  const entry = entryOf(textIn(row, 'body'))
  // A text that is no longer a valid entry fails the check of its hash.
  if (!entry) return true
  const { atMs, instanceId, object, actor } = entry
  const isUnder = (column: string, hashes: readonly (bigint | null)[]) =>
    hashes.some((hash) => row[column] === (hash === null ? null : String(hash)))
  const { certificateSha256 } = actor
  return (
    row['atMs'] === atMs &&
    typeof row['minMs'] === 'number' &&
    row['minMs'] <= atMs &&
    typeof row['maxMs'] === 'number' &&
    row['maxMs'] >= atMs &&
    isUnder('instance', [instanceId === null ? null : auditHash('instance', instanceId)]) &&
    isUnder('object', object === null ? [null] : objectHashes(object)) &&
    isUnder('certificate', [certificateSha256 === null ? null : auditHash('certificate', certificateSha256)])
  )
}

function entryOf(body: string): AuditEntry | undefined {
  try {
    return JSON.parse(body) as AuditEntry
  } catch {
    return undefined
  }
}

function storedEntry(row: Row): StoredAuditEntry {
  return {
    writer: textIn(row, 'writer'),
    number: numberIn(row, 'number'),
    body: textIn(row, 'body'),
    hash: textIn(row, 'hash'),
  }
}

interface Step {
  readonly rows: readonly Row[]
  readonly next: number | null
}

function isIndexed({ object, certificateSha256, instanceId }: AuditQuery): boolean {
  return object !== undefined || certificateSha256 !== undefined || typeof instanceId === 'string'
}

function* byIndex(query: AuditQuery, from: number): Steps<Step> {
  const { object, certificateSha256, instanceId } = query
  const newest = query.order === 'newest'
  const range = [...(newest ? [0, from] : [from, Number.MAX_SAFE_INTEGER]), ...times(query), auditStepEntries]
  let rows: readonly Row[]
  if (object !== undefined) rows = yield* ofObject(object, newest, range)
  else if (certificateSha256 !== undefined)
    rows = yield* all(
      newest ? 'certificateNewest' : 'certificateOldest',
      auditHash('certificate', certificateSha256),
      ...range,
    )
  else
    rows = yield* all(
      newest ? 'instanceNewest' : 'instanceOldest',
      auditHash('instance', instanceId ?? ''),
      ...range,
    )
  return { rows, next: rows.length < auditStepEntries ? null : beyond(rows, newest) }
}

/** Entries with one of the object's hashes, in the order of the search. */
function* ofObject(object: string, newest: boolean, range: readonly number[]): Steps<readonly Row[]> {
  const rows: Row[] = []
  for (const hash of objectHashes(object))
    rows.push(...(yield* all(newest ? 'objectNewest' : 'objectOldest', hash, ...range)))
  const direction = newest ? -1 : 1
  rows.sort((a, b) => direction * (numberIn(a, 'entry') - numberIn(b, 'entry')))
  return rows.slice(0, auditStepEntries)
}

/** Reads entries of the next block that has entries of the requested time. */
function* byBlock(query: AuditQuery, from: number): Steps<Step> {
  const newest = query.order === 'newest'
  const [sinceMs, untilMs] = times(query)
  const block = yield* get(
    newest ? 'blockBefore' : 'blockAfter',
    Math.floor(from / blockEntries),
    sinceMs,
    untilMs,
  )
  if (!block) return { rows: [], next: null }
  const start = numberIn(block, 'block') * blockEntries
  const end = start + blockEntries - 1
  const range = newest ? [start, Math.min(from, end)] : [Math.max(from, start), end]
  const count = Math.min(auditStepEntries, Math.max(query.limit, 50))
  const rows = yield* all(newest ? 'auditNewest' : 'auditOldest', ...range, sinceMs, untilMs, count)
  if (rows.length === count) return { rows, next: beyond(rows, newest) }
  if (newest) return { rows, next: start > 0 ? start - 1 : null }
  return { rows, next: rows.length > 0 ? end + 1 : Math.max(end + 1, yield* firstKeptPlace()) }
}

/** The id of the first entry that is not pruned. Millions of pruned entries that are not deleted yet may lie before it. */
function* firstKeptPlace(): Steps<number> {
  const row = yield* get('firstKeptPlace')
  return (row && orNull(row, 'entry', numberIn)) ?? 0
}

function beyond(rows: readonly Row[], newest: boolean): number | null {
  const last = rows.at(-1)
  return last ? numberIn(last, 'entry') + (newest ? -1 : 1) : null
}

function times({ sinceMs, untilMs }: AuditQuery): [number, number] {
  return [sinceMs ?? Number.MIN_SAFE_INTEGER, untilMs ?? Number.MAX_SAFE_INTEGER]
}

type Filter = Omit<AuditQuery, 'order' | 'after' | 'newerThan' | 'limit' | 'sinceMs' | 'untilMs'>

/** The comparison of each filter. A filter that the query leaves out is skipped. */
const filters: {
  readonly [K in keyof Filter]-?: (entry: AuditEntry, value: NonNullable<Filter[K]>) => boolean
} = {
  instanceId: (entry, value) => entry.instanceId === value,
  object: (entry, value) => entry.object === value,
  objects: ({ object }, values) => object !== null && values.includes(object),
  action: (entry, value) => entry.action === value,
  certificateSha256: ({ actor }, value) => actor.certificateSha256 === value,
  client: ({ actor }, value) => isActor(actor, 'client', value),
  token: ({ actor }, value) => isActor(actor, 'token', value),
  person: ({ actor }, value) => isActor(actor, 'person', value),
  address: ({ actor }, value) => actor.address === value,
  result: (entry, value) => entry.result === value,
  requestId: (entry, value) => entry.requestId === value,
}

function matches(body: string, query: AuditQuery): boolean {
  const used = (Object.keys(filters) as (keyof Filter)[]).filter((name) => (query[name] ?? null) !== null)
  if (used.length === 0) return true
  const entry = JSON.parse(body) as AuditEntry
  return used.every((name) =>
    (filters[name] as (entry: AuditEntry, value: unknown) => boolean)(entry, query[name]),
  )
}

function isActor({ kind, id, name }: Actor, actorKind: Actor['kind'], idOrName: string): boolean {
  return kind === actorKind && (id === idOrName || name === idOrName)
}

/** The id of an entry, as a page returned it. Any other text counts as 0, the place before all entries. */
function place(after: string): number {
  const entry = /^\d{1,15}$/.test(after) ? Number(after) : Number.NaN
  return Number.isNaN(entry) ? 0 : entry
}
