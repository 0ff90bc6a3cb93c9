// Commits a group of changes in one SQLite transaction. A conflict undoes only the change that met it. SQLite copies each page that it
// changes under a savepoint, and conflicts are rare, so the first attempt sets no savepoint. After a conflict the whole group is
// rolled back and applied once more, with a savepoint for each change. This file knows nothing of threads, timers or the disk's room.

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { MarksEnd } from '../../../core/ports/marks.ts'
import { StoreConflict } from '../../../core/ports/store.ts'
import { storedPosition, storedStart, type OrderedPosition } from '../audit/anchor-keeper.ts'
import { applyChange } from '../apply/apply.ts'
import type { Group } from '../apply/group.ts'
import { KnownMarks } from '../apply/apply-marks.ts'
import type { AuditChain } from '../audit/audit-chain.ts'
import { noEffects, type Effects } from '../apply/effects.ts'
import { GroupFacts } from '../apply/group-facts.ts'
import { sqliteText, sqliteTrouble } from './errors.ts'
import type { Statements } from './statements.ts'
import type { Steps } from '../steps.ts'
import type { WriterJob, WriterOutcome } from './writer-messages.ts'

export interface GroupResult {
  readonly outcomes: readonly WriterOutcome[]
  readonly effects: Effects
  /** True: everything that was committed up to now is on the disk. False: it may be on the disk or not. */
  readonly synced: boolean
}

/** A change could not be made, and there is no savepoint to roll back to. */
class Stopped extends Error {}

export class Groups {
  readonly #database: DatabaseSync
  readonly #statements: Statements
  readonly #chain: AuditChain
  readonly #begin: StatementSync
  readonly #end: StatementSync
  readonly #savepoint: StatementSync
  readonly #release: StatementSync
  readonly #rollback: StatementSync
  /** The last value that `PRAGMA synchronous` was set to. */
  #synchronous: 'FULL' | 'NORMAL' | undefined
  #position: OrderedPosition
  readonly marks = new KnownMarks()

  constructor(database: DatabaseSync, statements: Statements, chain: AuditChain) {
    this.#database = database
    this.#statements = statements
    this.#chain = chain
    this.#begin = database.prepare('BEGIN IMMEDIATE')
    this.#end = database.prepare('COMMIT')
    this.#savepoint = database.prepare('SAVEPOINT change')
    this.#release = database.prepare('RELEASE change')
    this.#rollback = database.prepare('ROLLBACK TO change')
    this.#position = statements.take(storedStart(null))
    this.marks.know(this.#position.marks)
  }

  /** The position (what the anchor names) after the last commit. */
  get position(): OrderedPosition {
    return this.#position
  }

  /** Learns the end of the marks that the anchor names. The database's end is lower if a person removed marks while no server ran. */
  knowMarks(end: MarksEnd | null): void {
    this.marks.know(end)
    this.#position = { ...this.#position, marks: this.marks.end }
  }

  /**
   * Makes the changes that can be made. On return they are in the WAL, and on the disk if one of them has durability 'disk'. Throws
   * what SQLite throws (no room, no disk, damage): then nothing of the group was done.
   */
  commit(jobs: readonly WriterJob[]): GroupResult {
    try {
      return this.#transaction(jobs, (job, group) => this.#applyOrStop(job, group))
    } catch (error) {
      if (!(error instanceof Stopped)) throw error
    }
    return this.#transaction(jobs, (job, group) => this.#applyOrUndo(job, group))
  }

  #transaction(
    jobs: readonly WriterJob[],
    apply: (job: WriterJob, group: Group) => WriterOutcome,
  ): GroupResult {
    const start = this.#chain.mark()
    const effects = noEffects()
    const facts = new GroupFacts()
    const { marks } = this
    try {
      const full = jobs.some(({ change }) => change.durability === 'disk')
      this.#setSynchronous(full ? 'FULL' : 'NORMAL')
      this.#begin.run()
      const outcomes = jobs.map((job) => apply(job, { facts, effects, marks }))
      this.#statements.take(facts.save())
      this.#statements.take(this.#chain.save())
      const position = this.#positionWith(facts, effects)
      this.#end.run()
      // A commit that wrote nothing synced nothing either. If the position moved, the commit wrote.
      const synced = full && position !== this.#position
      this.#position = position
      this.marks.follow(position.marks, effects)
      return { outcomes, effects, synced }
    } catch (error) {
      this.#undo()
      this.#chain.restore(start)
      throw error
    } finally {
      this.#chain.settled()
    }
  }

  /** Runs the steps in a transaction of their own. */
  transact<T>(steps: Steps<T>): T {
    try {
      this.#begin.run()
      const result = this.#statements.take(steps)
      this.#end.run()
      return result
    } catch (error) {
      this.#undo()
      throw error
    }
  }

  #applyOrStop(job: WriterJob, group: Group): WriterOutcome {
    const outcome = this.#apply(job, group)
    if (outcome.type !== 'done') throw new Stopped()
    return outcome
  }

  #applyOrUndo(job: WriterJob, group: Group): WriterOutcome {
    const before = { chain: this.#chain.mark(), facts: group.facts.mark() }
    this.#savepoint.run()
    const outcome = this.#apply(job, group)
    if (outcome.type !== 'done') {
      this.#rollback.run()
      this.#chain.restore(before.chain)
      group.facts.restore(before.facts)
    }
    this.#release.run()
    return outcome
  }

  /** Throws what SQLite throws. */
  #apply({ id, change }: WriterJob, group: Group): WriterOutcome {
    try {
      this.#statements.take(applyChange(this.#chain, change, group))
      return { id, type: 'done' }
    } catch (error) {
      if (sqliteTrouble(error) !== null) throw error
      if (error instanceof StoreConflict)
        return { id, type: 'conflict', what: error.what, message: error.message }
      return { id, type: 'bug', message: `write to the store: ${sqliteText(error)}` }
    }
  }

  /** The position after the running transaction commits. It is the same object as before if the transaction does not move it. */
  #positionWith(facts: GroupFacts, { trustRaised, checkpointed, marked }: Effects): OrderedPosition {
    const before = this.#position
    const marks = marked ? this.#statements.take(facts.marksEnd(before.marks)) : before.marks
    const stored = trustRaised || checkpointed ? this.#statements.take(storedPosition()) : before
    const { trustVersion, checkpoint } = stored
    const head = this.#chain.head()
    const [lastHead] = before.heads
    const moved =
      trustVersion !== before.trustVersion ||
      checkpoint?.number !== before.checkpoint?.number ||
      marks?.digest !== before.marks?.digest ||
      (head !== null && (head.writer !== lastHead?.writer || head.number !== lastHead.number))
    if (!moved) return before
    return { trustVersion, checkpoint, heads: head ? [head] : before.heads, marks, order: before.order + 1 }
  }

  /** With FULL, each commit syncs the WAL, and so everything that was committed before. */
  #setSynchronous(mode: 'FULL' | 'NORMAL'): void {
    if (this.#synchronous === mode) return
    this.#database.exec(`PRAGMA synchronous = ${mode}`)
    this.#synchronous = mode
  }

  #undo(): void {
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
  }
}
