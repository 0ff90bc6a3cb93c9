// Combines an object of a backup with its row in the database: the rows of a deleted instance stay, and an interrupted restore
// leaves rows too. The database has later facts; the backup may have the material that still opens. State only moves forward.
// Pure.

import type { DumpedObject } from '../../ports/backup.ts'
import type { ObjectRecord, StoredObject } from '../../ports/objects.ts'
import { closedLater, type LaterClosing } from './closing.ts'
import { furtherState, isDestroyed, isState, type State } from '../object/lifecycle.ts'
import { fromRecord, toWrite, type ManagedObject } from '../object/managed-object.ts'
import { withFreeNames } from '../object/object-names.ts'

export type RestoredWrite = ReturnType<typeof toWrite>

export interface RestoredObject {
  /** undefined: the row is right already. */
  readonly write: RestoredWrite | undefined
  /** Whether the result is closed further than the backup says, because of a later act. */
  readonly closedAgain: boolean
}

/** `closing`: the known later acts on it. `opens`: whether the instance has the data key that sealed the row's material. */
export function restoredObject(
  dumped: DumpedObject,
  here: StoredObject | undefined,
  { closing, opens }: { readonly closing: LaterClosing | undefined; readonly opens: boolean },
): RestoredObject {
  const closed = (closing && closedLater(dumped, closing)) ?? dumped
  const before = stateOf(dumped.record)
  if (!here) return { write: writeOf(closed), closedAgain: closed !== dumped }
  const state = stateOf(here)
  const closedAgain = furtherState(before, furtherState(state, stateOf(closed.record))) !== before
  // An object that was destroyed here stays destroyed.
  if (here.sealed === null) return { write: undefined, closedAgain }
  const base = later(here, closed.record)
  const material = isDestroyed(stateOf(base)) ? gone : opens ? here : closed.record
  if (base === here && sameBytes(material.sealed, here.sealed)) return { write: undefined, closedAgain }
  const version = Math.max(here.version, closed.record.version) + 1
  const record = { ...base, sealed: material.sealed, dataKeyId: material.dataKeyId, version }
  return { write: toWrite(objectOf(record)), closedAgain }
}

const gone = { sealed: null, dataKeyId: null } as const

/** The one that is closed further; if both are closed as far, the one with more changes. */
function later(here: StoredObject, there: ObjectRecord): ObjectRecord {
  const [a, b] = [stateOf(here), stateOf(there)]
  if (a !== b && furtherState(a, b) !== 'Active') return furtherState(a, b) === a ? here : there
  return there.version > here.version ? there : here
}

function stateOf({ state, uniqueIdentifier }: ObjectRecord): State {
  if (isState(state)) return state
  throw new Error(`object ${uniqueIdentifier} has the unknown state ${state}`)
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return Buffer.compare(a ?? Buffer.of(), b ?? Buffer.of()) === 0
}

function objectOf(record: ObjectRecord): ManagedObject {
  return fromRecord({ ...record, sequence: 0, lastFetchedMs: null })
}

function writeOf({ record, names, index, clockSteps }: DumpedObject): RestoredWrite {
  return { type: 'object', record, names: record.sealed === null ? [] : names, index, clockSteps }
}

/** The write without the Names that other objects of the instance have. */
export function writeWithFreeNames(write: RestoredWrite, taken: ReadonlySet<string>): RestoredWrite {
  if (taken.size === 0) return write
  return toWrite(withFreeNames(objectOf(write.record), (name) => taken.has(name)))
}

/** The object that the write restores. The caller checks its Names against those of other objects. */
export function objectOfWrite({ record }: RestoredWrite): ManagedObject {
  return objectOf(record)
}
