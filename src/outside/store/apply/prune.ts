// Prunes the audit log. The change itself only moves the beginning of each writer's entries, which is quick and atomic; reads
// leave out earlier entries. The writer deletes the rows afterwards, one step at a time, between its commits.
//
// The times of rows and of blocks (of 1,024 entries) locate old entries quickly, but no checkpoint signs them, so an attacker may
// have changed them. Therefore the last entry to be pruned must be genuine, and old by its own text, which its hash covers. Its hash
// becomes the new beginning. The remaining entries, or the signed head, prove that hash.

import { chainHash } from '../../../core/audit/chain.ts'
import type { AuditEntry, WriterHead } from '../../../core/ports/audit.ts'
import { blockEntries } from '../audit/audit-chain.ts'
import { numberIn, textIn, type Row } from '../row.ts'
import { get, run, type Steps } from '../steps.ts'

/** Rows that one step deletes. This takes a few milliseconds. */
const stepEntries = 500

/** See the write 'prune' (core/ports/audit.ts). */
interface Times {
  readonly beforeMs: number
  readonly nowMs?: number
}

/** Prunes the old entries at the beginning of each writer's entries, up to its head in `upTo`. */
export function* markPruned(times: Times, upTo: readonly WriterHead[]): Steps<void> {
  for (const { writer, number: last, hash } of yield* findPruned(times, upTo))
    yield* run('setBeginning', last, hash, writer)
}

/** The last entry that markPruned would prune, for each writer of which it would prune any. */
export function* findPruned(times: Times, upTo: readonly WriterHead[]): Steps<readonly WriterHead[]> {
  const heads: WriterHead[] = []
  for (const head of upTo) {
    const row = yield* get('writerRow', head.writer)
    if (!row) continue
    const [id, begin] = [numberIn(row, 'id'), numberIn(row, 'beginNumber')]
    const covered = Math.min(head.number, numberIn(row, 'number'))
    const last = yield* lastOld(id, begin + 1, covered, times)
    if (last === undefined) continue
    const end = yield* get('entryOfNumber', last, id)
    const before = last - 1 === begin ? textIn(row, 'beginHash') : yield* hashOf(last - 1, id)
    if (!end || before === undefined || !isOld(end, before, times.beforeMs)) continue
    const hash = textIn(end, 'hash')
    if (last !== head.number || hash === head.hash) heads.push({ writer: head.writer, number: last, hash })
  }
  return heads
}

function* hashOf(entry: number, writer: number): Steps<string | undefined> {
  const row = yield* get('entryOfNumber', entry, writer)
  return row && textIn(row, 'hash')
}

function isOld(entry: Row, before: string, beforeMs: number): boolean {
  const body = textIn(entry, 'body')
  return chainHash(before, body) === textIn(entry, 'hash') && (JSON.parse(body) as AuditEntry).atMs < beforeMs
}

/** Deletes some pruned rows; false: none are left. Call it in a transaction. */
export function* deletePruned(): Steps<boolean> {
  const row = yield* get('prunedWriter')
  if (!row) {
    yield* run('deleteBlocks')
    return false
  }
  const [id, deleted] = [numberIn(row, 'id'), numberIn(row, 'deleted')]
  const upTo = Math.min(numberIn(row, 'beginNumber'), deleted + stepEntries)
  yield* run('deleteEntries', id, deleted + 1, upTo)
  yield* run('setDeleted', upTo, id)
  return true
}

/** The ids of a writer's entries with the numbers `from` and `to`; undefined if the database lacks one of them. */
export function* entriesOf(id: number, from: number, to: number): Steps<[number, number] | undefined> {
  const [first, last] = [yield* get('entryOfNumber', from, id), yield* get('entryOfNumber', to, id)]
  return first && last && [numberIn(first, 'entry'), numberIn(last, 'entry')]
}

/**
 * The number of the last old entry before the first young one; undefined if there is none. Entries with a time in the future
 * count as neither old nor young. Blocks without young entries are skipped.
 */
function* lastOld(
  id: number,
  fromNumber: number,
  toNumber: number,
  { beforeMs, nowMs = Number.MAX_SAFE_INTEGER }: Times,
): Steps<number | undefined> {
  const range = yield* entriesOf(id, fromNumber, toNumber)
  if (!range) return undefined
  const [first, last] = range
  let kept = toNumber + 1
  for (let from = first; from <= last && kept > toNumber;) {
    const block = yield* get('blockAfter', Math.floor(from / blockEntries), beforeMs, nowMs)
    if (!block) break
    from = Math.max(from, numberIn(block, 'block') * blockEntries)
    const to = Math.min(last, numberIn(block, 'block') * blockEntries + blockEntries - 1)
    const firstKept = yield* get('firstKept', id, from, to, beforeMs, nowMs)
    if (firstKept) kept = numberIn(firstKept, 'number')
    from = to + 1
  }
  const row = yield* get('lastOld', id, fromNumber, kept - 1, beforeMs)
  return row && numberIn(row, 'number')
}
