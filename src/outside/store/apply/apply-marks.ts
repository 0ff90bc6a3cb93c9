// Appends marks inside the writer's transaction, so that a mark is there if and only if the change is there that destroys
// its object or brings it back (core/ports/marks.ts). Throws StoreConflict; the caller undoes the savepoint then.

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
import { number, orNull, type Row } from '../row.ts'
import { all, run, type Steps } from '../steps.ts'
import type { Effects } from './effects.ts'
import type { Group, MarkSigning } from './group.ts'

/** The key and the end of the marks, as a writer keeps them from one transaction to the next. */
export class KnownMarks implements MarkSigning {
  key: KeyObject | undefined
  end: MarksEnd | null = null

  /** Anchor and database name these. The database has less if somebody removed marks. */
  know(...ends: readonly (MarksEnd | null)[]): void {
    for (const end of ends) this.end = furtherEnd(this.end, end)
  }

  /** `stored`: as the database has it after a commit. */
  follow(stored: MarksEnd | null, { marksSigned }: Pick<Effects, 'marksSigned'>): void {
    this.end = marksSigned ? stored : furtherEnd(this.end, stored)
  }
}

type Identified = Pick<StoredMark, 'instanceId' | 'uniqueIdentifier'>

/** Before the object is written. Returns what its column `marked` is then. `old`: its row; undefined: there is none. */
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
  // The rows of a destroyed object that were put back have material. They may change as they like: nothing opens them.
  if (!closed || (old && old['material'] !== null)) return null
  if (!old || closed.dueMs === neverBack || orNull(old, 'dueMs', number) !== closed.dueMs)
    throw wasDestroyed()
  yield* append(record, isBack, key, group)
  return null
}

export function* applyMarkWrite(write: MarkWrite, group: Group): Steps<void> {
  if (write.type === 'marks-signed') return yield* signAnew(write, group)
  const { key } = group.marks
  if (!key) throw new Error('a mark is to be made, and the store has no key for it')
  const { instanceId, uniqueIdentifier } = write
  const last = yield* group.facts.lastMark(instanceId, uniqueIdentifier)
  if (!last || !closes(last) || !isGenuine(key, last)) {
    const row = yield* group.facts.objectRow(instanceId, uniqueIdentifier)
    // It was brought back since the caller read that it is destroyed.
    if (row && row['material'] !== null) return undefined
    const dueMs = row ? (orNull(row, 'dueMs', number) ?? neverBack) : neverBack
    if (!(yield* close(write, dueMs, key, group))) return undefined
  }
  return yield* run('noteMark', 1, instanceId, uniqueIdentifier)
}

/**
 * false: a node runs that knows no marks, and may bring the object back without saying so here. The mark is appended once no such
 * node runs.
 */
function* close(what: Identified, dueMs: number, key: KeyObject, group: Group): Steps<boolean> {
  const isAlone = yield* group.facts.shutsOutOlder()
  if (!isAlone && dueMs !== neverBack) return false
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

/** Numbers only fall, so none is taken twice on the way. */
function* signAnew(
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
