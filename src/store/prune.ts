// Pruning the audit log. The change itself only moves each writer's beginning, so that it is quick and all or
// nothing; reads leave out what lies before. The rows are deleted afterwards, a step at a time between groups.

import type { WriterHead } from '../ports/audit.ts'
import { blockEntries } from './audit-chain.ts'
import type { writeSql } from './sql.ts'
import { number, orNull, text, type Row, type Statements } from './statements.ts'

type WriteStatements = Statements<keyof typeof writeSql>

/** Rows that one step deletes: a few milliseconds. */
const stepEntries = 500

/** Takes from the beginning of each writer's entries those that are older and not beyond its head in `upTo`. */
export function markPruned(s: WriteStatements, beforeMs: number, upTo: readonly WriterHead[]): void {
  for (const head of upTo) {
    const row = s.get('writerRow', head.writer)
    if (!row) continue
    const firstEntry = number(row, 'firstEntry')
    const first = firstEntry + number(row, 'beginNumber')
    const last = firstEntry + Math.min(head.number, number(row, 'number')) - 1
    const kept = firstKept(s, first, last, beforeMs)
    const end = s.get('entryHash', kept - 1)
    if (kept > first && end)
      s.run('setBeginning', number(end, 'number'), text(end, 'hash'), number(row, 'id'))
  }
}

/** Deletes some pruned rows; false when none are left. To be called in a transaction. */
export function deletePruned(s: WriteStatements): boolean {
  const row = s.get('prunedWriter')
  if (!row) {
    s.run('deleteBlocks')
    return false
  }
  const deleted = number(row, 'deleted')
  const upTo = Math.min(number(row, 'beginNumber'), deleted + stepEntries)
  const firstEntry = number(row, 'firstEntry')
  s.run('deleteEntries', firstEntry + deleted, firstEntry + upTo - 1)
  s.run('setDeleted', upTo, number(row, 'id'))
  return true
}

/** The id of the first entry that is not older; last + 1 if all are. Blocks that are older as a whole are skipped. */
function firstKept(s: WriteStatements, first: number, last: number, beforeMs: number): number {
  let from = first
  while (from <= last) {
    const block = s.get('blockAfter', Math.floor(from / blockEntries), beforeMs, Number.MAX_SAFE_INTEGER)
    if (!block) break
    from = Math.max(from, number(block, 'block') * blockEntries)
    const to = Math.min(last, number(block, 'block') * blockEntries + blockEntries - 1)
    const kept: Row | undefined = s.get('firstKept', from, to, beforeMs)
    const entry = kept ? orNull(kept, 'entry', number) : null
    if (entry !== null) return entry
    from = to + 1
  }
  return last + 1
}
