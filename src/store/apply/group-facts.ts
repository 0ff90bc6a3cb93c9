// The changes of one transaction share this: the version of trust, the rows of objects, and what instances hold. Each is read
// when a change first asks for it. What the changes add to the totals of instances is counted here and written once, by `save`;
// `mark` and `restore` follow savepoints.

import type { Usage } from '../../ports/objects.ts'
import { number, type Row } from '../row.ts'
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
  readonly #rows = new Map<string, Row | undefined>()
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
    const name = `${instanceId} ${uniqueIdentifier}`
    if (this.#rows.has(name)) return this.#rows.get(name)
    const row = yield* get('objectRow', instanceId, uniqueIdentifier)
    this.#rows.set(name, row)
    return row
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
