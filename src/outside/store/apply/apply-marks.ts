// Appends marks inside the writer's transaction, so that the store has a mark exactly if it has the change that destroys or
// restores the object (core/ports/marks.ts). After a StoreConflict the caller rolls back to the savepoint.

import type { KeyObject } from 'node:crypto'
import { closes, endAfter, furtherEnd, isGenuine, markMac, signedMark } from '../../../core/audit/marks.ts'
import { dumpPageRecords } from '../../../base/bounds.ts'
import {
  isBack,
  neverBack,
  type MarksEnd,
  type MarkWrite,
  type StoredMark,
} from '../../../core/ports/marks.ts'
import type { ObjectRecord } from '../../../core/ports/objects.ts'
import { StoreConflict } from '../../../core/ports/store.ts'
import { storedMark } from '../rows.ts'
import { numberIn, orNull, type Row } from '../row.ts'
import { all, run, type Steps } from '../steps.ts'
import type { Effects } from './effects.ts'
import type { Group, MarkSigning } from './group.ts'

/** The key and the end of the marks, which a writer keeps from one transaction to the next. */
export class KnownMarks implements MarkSigning {
  key: KeyObject | undefined
  end: MarksEnd | null = null

  /** Learns the ends that the anchor and the database name. The database's end is lower if marks were removed from it. */
  know(...ends: readonly (MarksEnd | null)[]): void {
    for (const end of ends) this.end = furtherEnd(this.end, end)
  }

  /** `stored`: the end in the database after a commit. */
  follow(stored: MarksEnd | null, { marksSigned }: Pick<Effects, 'marksSigned'>): void {
    this.end = marksSigned ? stored : furtherEnd(this.end, stored)
  }
}

type Identified = Pick<StoredMark, 'instanceId' | 'uniqueIdentifier'>

/**
 * Appends the mark that the new state of the object needs. Call this before the object is written. Returns the new value of its
 * column `marked`. `old`: the object's row; undefined: it has none.
 */
export function* markObject(record: ObjectRecord, old: Row | undefined, group: Group): Steps<1 | null> {
  const { key } = group.marks
  if (!key) return null
  const { instanceId, uniqueIdentifier, sealed, recoverable } = record
  const last = yield* group.facts.lastMark(instanceId, uniqueIdentifier)
  const closed = last && closes(last) && isGenuine(key, last) ? last : undefined
  if (sealed === null) {
    const dueMs = recoverable?.dueMs ?? neverBack
    if (closed && dueMs > closed.dueMs) throw wasDestroyed()
    return closed?.dueMs === dueMs || (yield* close(record, dueMs, key, group)) ? 1 : null
  }
  // If the rows of a destroyed object were put back, they have material. They may change freely, since nothing opens them.
  if (!closed || (old && old['material'] !== null)) return null
  if (!old || closed.dueMs === neverBack || orNull(old, 'dueMs', numberIn) !== closed.dueMs)
    throw wasDestroyed()
  yield* append(record, isBack, key, group)
  return null
}

export function* applyMarkWrite(write: MarkWrite, group: Group): Steps<void> {
  if (write.type === 'marks-signed') return yield* signAllMarks(write, group)
  const { key } = group.marks
  if (!key) throw new Error('the store has no key to sign a mark with')
  const { instanceId, uniqueIdentifier } = write
  const last = yield* group.facts.lastMark(instanceId, uniqueIdentifier)
  if (!last || !closes(last) || !isGenuine(key, last)) {
    const row = yield* group.facts.objectRow(instanceId, uniqueIdentifier)
    // The object was brought back after the caller read that it is destroyed.
    if (row && row['material'] !== null) return undefined
    const dueMs = row ? (orNull(row, 'dueMs', numberIn) ?? neverBack) : neverBack
    if (!(yield* close(write, dueMs, key, group))) return undefined
  }
  return yield* run('noteMark', 1, instanceId, uniqueIdentifier)
}

/**
 * Appends the mark of a destroyed object. If the object can be brought back, and a node runs that does not know marks, it returns
 * false and appends nothing: that node may bring the object back without a mark. A later `mark` write then appends the mark.
 */
function* close(what: Identified, dueMs: number, key: KeyObject, group: Group): Steps<boolean> {
  const isOlderShutOut = yield* group.facts.shutsOutOlder()
  if (!isOlderShutOut && dueMs !== neverBack) return false
  yield* append(what, dueMs, key, group)
  return true
}

function* append(
  { instanceId, uniqueIdentifier }: Identified,
  dueMs: number,
  key: KeyObject,
  { facts, effects, marks }: Group,
): Steps<void> {
  const before = yield* facts.marksEnd(marks.end)
  const { mark, end } = signedMark(key, before, { instanceId, uniqueIdentifier, dueMs })
  yield* addMark(mark)
  facts.markAppended(mark, end)
  effects.marked = true
}

export function* addMark({
  number: own,
  instanceId,
  uniqueIdentifier,
  dueMs,
  mac,
  digest,
}: StoredMark): Steps<void> {
  yield* run('addMark', own, instanceId, uniqueIdentifier, dueMs, mac, digest)
}

/** Each mark gets a number no higher than before, so no two marks share a number on the way. */
function* signAllMarks(
  { key, without }: Extract<MarkWrite, { type: 'marks-signed' }>,
  { facts, effects }: Group,
): Steps<void> {
  const removed = new Set(without)
  let end: MarksEnd | null = null
  for (let last = 0; ;) {
    const page = (yield* all('marksFrom', last, dumpPageRecords)).map(storedMark)
    for (const mark of page) {
      if (removed.has(mark.number)) {
        yield* run('removeMark', mark.number)
        continue
      }
      const next: number = (end?.number ?? 0) + 1
      const mac = markMac(key, { ...mark, number: next })
      end = endAfter(end, next, mac)
      yield* run('signMark', next, mac, Buffer.from(end.digest, 'hex'), mark.number)
    }
    last = page.at(-1)?.number ?? last
    if (page.length < dumpPageRecords) break
  }
  facts.marksReplaced(end)
  effects.marked = effects.marksSigned = true
}

function wasDestroyed(): StoreConflict {
  return new StoreConflict('mark', 'the object was destroyed, and its rows say something else')
}
