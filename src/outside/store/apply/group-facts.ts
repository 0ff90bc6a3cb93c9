// The changes of one transaction share this: the version of trust, the rows of objects, the end of the marks, and what instances
// hold. Each is read when a change first asks for it. What the changes add to the totals of instances is counted here and written once, by `save`;
// `mark` and `restore` follow savepoints.

import { furtherEnd } from '../../../core/audit/marks.ts'
import { marksFeature } from '../../../core/ports/least-version.ts'
import type { MarksEnd, StoredMark } from '../../../core/ports/marks.ts'
import type { Usage } from '../../../core/ports/objects.ts'
import { number, type Row } from '../row.ts'
import { nameFeature, storedFeatures } from './apply-least-version.ts'
import { findMarksEnd } from '../mark-reader.ts'
import { lastMark } from '../rows.ts'
import { get, run, type Steps } from '../steps.ts'
import { usageOf } from './usage.ts'

/** An instance has this much more than before the transaction. */
interface Growth {
  readonly bytes: number
  /** Destroyed objects that can be brought back. */
  readonly recoverable: number
  /** Objects by their stored state. */
  readonly states: Readonly<Record<string, number>>
}

type Mark = ReadonlyMap<string, Growth>

const none: Growth = { bytes: 0, recoverable: 0, states: {} }

export class GroupFacts {
  #trustVersion: number | undefined
  readonly #rows = new Map<string, Row>()
  /** undefined: not read yet. */
  #marksEnd: MarksEnd | null | undefined
  #shutsOutOlder: boolean | undefined
  /** Before the transaction, by instance. */
  readonly #usages = new Map<string, Usage>()
  #growths = new Map<string, Growth>()

  mark(): Mark {
    return new Map(this.#growths)
  }

  restore(mark: Mark): void {
    this.#growths = new Map(mark)
    this.#rows.clear()
    this.#trustVersion = undefined
    this.#marksEnd = undefined
    this.#shutsOutOlder = undefined
  }

  *trustVersion(): Steps<number> {
    this.#trustVersion ??= number((yield* get('trustVersion')) ?? { version: 0 }, 'version')
    return this.#trustVersion
  }

  trustChanged(): void {
    this.#trustVersion = undefined
  }

  /** Undefined: there is no such object. */
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

  /** With what the transaction has appended. `known`: the end that the writer knows at least. */
  *marksEnd(known: MarksEnd | null): Steps<MarksEnd | null> {
    if (this.#marksEnd !== undefined) return this.#marksEnd
    return (this.#marksEnd = furtherEnd(known, yield* findMarksEnd()))
  }

  /** The store names marks as a feature that a program must know, or does so from now on: while an older node runs it cannot. */
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

  /** With what the transaction has added so far. */
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

  /** To be called before the transaction commits. */
  *save(): Steps<void> {
    for (const [instanceId, { bytes, recoverable, states }] of this.#growths) {
      if (bytes !== 0) yield* run('addBytes', instanceId, bytes)
      if (recoverable !== 0) yield* run('countRecoverable', instanceId, recoverable)
      for (const [state, count] of Object.entries(states))
        if (count !== 0) yield* run('count', instanceId, state, count)
    }
  }
}

/** As the statement `usage` has it. */
const destroyedStates: ReadonlySet<string> = new Set(['Destroyed', 'DestroyedCompromised'])
