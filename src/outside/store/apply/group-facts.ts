// Facts that the changes of one transaction share: the version of trust, the rows of objects, the end of the marks, and the usage
// of instances. Each fact is read when a change first needs it. GroupFacts sums the growth of the instances' totals, and `save`
// writes the sums once. The caller calls `mark` at a savepoint, and `restore` when it rolls back to that savepoint.

import { furtherEnd } from '../../../core/audit/marks.ts'
import { marksFeature } from '../../../core/ports/least-version.ts'
import type { MarksEnd, StoredMark } from '../../../core/ports/marks.ts'
import type { Usage } from '../../../core/ports/objects.ts'
import { numberIn, type Row } from '../row.ts'
import { nameFeature, storedFeatures } from './apply-least-version.ts'
import { findMarksEnd } from '../mark-reader.ts'
import { lastMark } from '../rows.ts'
import { get, run, type Steps } from '../steps.ts'
import { usageOf } from './usage.ts'

/** How much an instance has grown in the transaction. */
interface Growth {
  readonly bytes: number
  /** The number of destroyed objects that can be brought back. */
  readonly recoverable: number
  /** Numbers of objects by stored state. */
  readonly states: Readonly<Record<string, number>>
}

type SavedGrowths = ReadonlyMap<string, Growth>

const none: Growth = { bytes: 0, recoverable: 0, states: {} }

export class GroupFacts {
  #trustVersion: number | undefined
  readonly #rows = new Map<string, Row>()
  /** undefined: not read yet. */
  #marksEnd: MarksEnd | null | undefined
  #shutsOutOlder: boolean | undefined
  /** By instance: the usage before the transaction. */
  readonly #usages = new Map<string, Usage>()
  #growths = new Map<string, Growth>()

  mark(): SavedGrowths {
    return new Map(this.#growths)
  }

  restore(saved: SavedGrowths): void {
    this.#growths = new Map(saved)
    this.#rows.clear()
    this.#trustVersion = undefined
    this.#marksEnd = undefined
    this.#shutsOutOlder = undefined
  }

  *trustVersion(): Steps<number> {
    this.#trustVersion ??= numberIn((yield* get('trustVersion')) ?? { version: 0 }, 'version')
    return this.#trustVersion
  }

  trustChanged(): void {
    this.#trustVersion = undefined
  }

  /** undefined: the object does not exist. */
  *objectRow(instanceId: string, uniqueIdentifier: string): Steps<Row | undefined> {
    const row = yield* this.#row(instanceId, uniqueIdentifier)
    return row['sequence'] === null ? undefined : row
  }

  /** The last mark of the identifier; undefined: it has none. */
  *lastMark(instanceId: string, uniqueIdentifier: string): Steps<Omit<StoredMark, 'digest'> | undefined> {
    const row = yield* this.#row(instanceId, uniqueIdentifier)
    if (row['markNumber'] === null) return undefined
    return lastMark({ ...row, instanceId, uniqueIdentifier })
  }

  *#row(instanceId: string, uniqueIdentifier: string): Steps<Row> {
    const name = `${instanceId} ${uniqueIdentifier}`
    const known = this.#rows.get(name)
    if (known) return known
    const row = (yield* get('objectRow', instanceId, uniqueIdentifier)) ?? {}
    this.#rows.set(name, row)
    return row
  }

  /** The end of the marks, including those that this transaction appended. `known`: the furthest end that the writer knows. */
  *marksEnd(known: MarksEnd | null): Steps<MarksEnd | null> {
    if (this.#marksEnd !== undefined) return this.#marksEnd
    return (this.#marksEnd = furtherEnd(known, yield* findMarksEnd()))
  }

  /** Whether the store requires programs to know marks. If it does not yet, it does from now on, unless an older node runs. */
  *shutsOutOlder(): Steps<boolean> {
    if (this.#shutsOutOlder !== undefined) return this.#shutsOutOlder
    const { name } = marksFeature
    const isNamed = (yield* storedFeatures()).some((feature) => feature.name === name)
    if (isNamed) return (this.#shutsOutOlder = true)
    if (yield* get('olderNode', name)) return (this.#shutsOutOlder = false)
    yield* nameFeature(marksFeature)
    return (this.#shutsOutOlder = true)
  }

  markAppended({ instanceId, uniqueIdentifier }: StoredMark, end: MarksEnd): void {
    this.#marksEnd = end
    this.objectChanged(instanceId, uniqueIdentifier)
  }

  marksReplaced(end: MarksEnd | null): void {
    this.#marksEnd = end
    this.#rows.clear()
  }

  objectChanged(instanceId: string, uniqueIdentifier: string): void {
    this.#rows.delete(`${instanceId} ${uniqueIdentifier}`)
  }

  /** The usage, including the growth in this transaction. */
  *usage(instanceId: string): Steps<Usage> {
    let usage = this.#usages.get(instanceId)
    if (!usage) this.#usages.set(instanceId, (usage = yield* usageOf(instanceId)))
    const { bytes, recoverable, states } = this.#growths.get(instanceId) ?? none
    let objects = usage.objects + recoverable
    for (const [state, count] of Object.entries(states)) if (!destroyedStates.has(state)) objects += count
    return { objects, bytes: usage.bytes + bytes }
  }

  grow(instanceId: string, { bytes = 0, recoverable = 0, states = {} }: Partial<Growth>): void {
    const before = this.#growths.get(instanceId) ?? none
    const sums = { ...before.states }
    for (const [state, count] of Object.entries(states)) sums[state] = (sums[state] ?? 0) + count
    this.#growths.set(instanceId, {
      bytes: before.bytes + bytes,
      recoverable: before.recoverable + recoverable,
      states: sums,
    })
  }

  /** Call this before the transaction commits. */
  *save(): Steps<void> {
    for (const [instanceId, { bytes, recoverable, states }] of this.#growths) {
      if (bytes !== 0) yield* run('addBytes', instanceId, bytes)
      if (recoverable !== 0) yield* run('countRecoverable', instanceId, recoverable)
      for (const [state, count] of Object.entries(states))
        if (count !== 0) yield* run('count', instanceId, state, count)
    }
  }
}

/** The stored states that the statement `usage` (../sql.ts) leaves out. */
const destroyedStates: ReadonlySet<string> = new Set(['Destroyed', 'DestroyedCompromised'])
