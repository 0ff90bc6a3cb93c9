// Commits changes to PostgreSQL. The changes that wait go as a group into one transaction (transactions.ts), with a savepoint for each
// change, so one flush and one confirmation by the replica serve all of them.

import { StoreConflict, StoreUnavailable, type Change, type Write } from '../../../core/ports/store.ts'
import type { Clock, Timer } from '../../../core/ports/clock.ts'
import { commitGroupMax, commitQueueMax, pruneAgainMs } from '../bounds.ts'
import { postgresTurnMs } from './bounds.ts'
import type { AnchorPosition } from '../../../core/ports/anchor.ts'
import { storedPosition, type OrderedPosition } from '../audit/anchor-keeper.ts'
import { applyChange, readsOf } from '../apply/apply.ts'
import type { Group } from '../apply/group.ts'
import { KnownMarks } from '../apply/apply-marks.ts'
import type { AuditChain } from '../audit/audit-chain.ts'
import { noEffects, type Effects } from '../apply/effects.ts'
import { GroupFacts } from '../apply/group-facts.ts'
import { deletePruned } from '../apply/prune.ts'
import { asUnavailable, postgresText, postgresTrouble } from './errors.ts'
import type { Steps } from '../steps.ts'
import { numberIn } from '../row.ts'
import { Ahead } from './ahead.ts'
import type { PostgresSession } from './session.ts'
import { isLockTimeout } from './table-lock.ts'
import { reserveIds } from './sql.ts'
import { noSteps, type Transactions } from './transactions.ts'

/** How often a node on PostgreSQL looks for pruned entries that another node left when it ended. */
export const pruneLookEveryMs = 3_600_000
/** A change that gave its turn back for a locked table tries again after this pause, for as long as it would wait for the turn. */
const postgresTableAgainMs = 1_000

interface Job {
  readonly change: Change
  /** In monotonic milliseconds: until then the writer tries the change again while a table that the change needs is locked. */
  readonly untilMs: number
  resolve(): void
  reject(error: unknown): void
}

export interface WriterOptions {
  readonly chain: AuditChain
  readonly transactions: Transactions
  readonly clock: Pick<Clock, 'after' | 'monotonic' | 'sleep'>
  /** Called after each commit, once everything that the position names is durable. */
  readonly onPosition: (position: OrderedPosition, effects: Effects) => void
}

export class PostgresWriter {
  readonly #options: WriterOptions
  readonly marks = new KnownMarks()
  #waiting: Job[] = []
  #running: Promise<void> | undefined
  #order = 0
  #closed = false
  #pruneLater: Timer | undefined
  /** Which table is locked, and which session has locked it; null: the last group did not fail because of a lock. */
  #locked: string | null = null

  constructor(options: WriterOptions) {
    this.#options = options
  }

  /** Why changes wait and then fail; null: no lock holds them up. */
  get locked(): string | null {
    return this.#locked
  }

  commit(change: Change): Promise<void> {
    const { broken } = this.#options.transactions
    if (broken) return Promise.reject(broken)
    if (this.#closed) return Promise.reject(new StoreUnavailable('unavailable', 'the store is closed'))
    if (this.#waiting.length >= commitQueueMax)
      return Promise.reject(
        new StoreUnavailable(
          'busy',
          `${this.#waiting.length} changes wait for the database: try again in a moment`,
        ),
      )
    return new Promise((resolve, reject) => {
      const untilMs = this.#options.clock.monotonic() + postgresTurnMs
      this.#waiting.push({ change, untilMs, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Waits for the changes that were handed over. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#running) await this.#running
  }

  async #run(): Promise<void> {
    // The first group has all changes of this turn of the event loop.
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) {
      const jobs = this.#waiting.splice(0, commitGroupMax)
      await this.#options.transactions.inTurn(() => this.#group(jobs))
      // During the pause, heartbeats and other nodes get the turn to write.
      if (this.#locked !== null && this.#waiting.length > 0)
        await this.#options.clock.sleep(postgresTableAgainMs)
    }
    // No change can have come since the loop found no more: both run in one turn of the event loop.
    this.#running = undefined
  }

  /** Never rejects: each job gets its own result. */
  async #group(jobs: readonly Job[]): Promise<void> {
    const { chain, transactions, clock } = this.#options
    let start = chain.mark()
    const effects = noEffects()
    const facts = new GroupFacts()
    const { marks } = this
    const conflicts = new Map<Job, StoreConflict>()
    let ahead = new Ahead()
    const ask = async (session: PostgresSession) => {
      // If an earlier commit lost its answer and turned out to be done, the chain has its entries by now.
      start = chain.mark()
      ;[ahead] = await Promise.all([askForAll(session, jobs), session.take(chain.follow())])
    }
    const applyAll = async (session: PostgresSession) => {
      for (const [index, job] of jobs.entries()) {
        const savepoint = `change_${index}`
        const conflict = await this.#apply(session, job.change, {
          savepoint,
          group: { facts, effects, marks },
          ahead,
        })
        if (conflict) conflicts.set(job, conflict)
      }
    }
    try {
      const stored = await transactions.transact(applyAll, this.#finish(facts), ask)
      chain.settled()
      this.#locked = null
      const head = chain.head()
      const heads = head ? [head] : []
      if (stored) {
        marks.follow(stored.marks, effects)
        const order = ++this.#order
        this.#options.onPosition({ ...stored, heads, marks: marks.end, order }, effects)
      }
      if (effects.pruned) this.prune()
      for (const job of jobs) {
        const conflict = conflicts.get(job)
        if (conflict) job.reject(conflict)
        else job.resolve()
      }
    } catch (error) {
      chain.restore(start)
      chain.settled()
      if (postgresTrouble(error) === null && !(error instanceof StoreUnavailable))
        return this.#alone(jobs, error)
      // Changes with a conflict fail with this error too: they may have met the effect of a change that was rolled back with the group.
      const unavailable = asUnavailable('write to the database', error)
      const isLocked = isLockTimeout(unavailable)
      this.#locked = isLocked ? unavailable.message : null
      const again = isLocked && !this.#closed ? jobs.filter(({ untilMs }) => untilMs > clock.monotonic()) : []
      this.#waiting.unshift(...again)
      for (const job of jobs) if (!again.includes(job)) job.reject(unavailable)
    }
  }

  *#finish(facts: GroupFacts): Steps<Omit<AnchorPosition, 'heads'>> {
    yield* facts.save()
    yield* this.#options.chain.save()
    return yield* storedPosition()
  }

  /** One of the jobs makes the group fail. Committing each job alone shows which one. */
  async #alone(jobs: readonly Job[], error: unknown): Promise<void> {
    const [first, ...more] = jobs
    if (more.length === 0)
      return first?.reject(new Error(`write to the store: ${postgresText(error)}`, { cause: error }))
    for (const job of jobs) await this.#group([job])
  }

  /**
   * Resolves with the conflict that the change met, or undefined. `savepoint`: a name that no other change of the group uses. An earlier
   * change may have failed while its answer has not come yet. If both savepoints had one name, a rollback of this change would go back to
   * the earlier change's savepoint, undo that change too, and hide its failure.
   */
  async #apply(
    session: PostgresSession,
    change: Change,
    { savepoint, group, ahead }: { readonly savepoint: string; readonly group: Group; readonly ahead: Ahead },
  ): Promise<StoreConflict | undefined> {
    const { chain } = this.#options
    const before = { chain: chain.mark(), facts: group.facts.mark() }
    session.send(`SAVEPOINT ${savepoint}`)
    const own = readsOf(change, group.facts)
    session.askAhead(own, ahead)
    try {
      await session.take(applyChange(chain, change, group), ahead)
      session.send(`RELEASE ${savepoint}`)
      return undefined
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
      session.send(`ROLLBACK TO ${savepoint}; RELEASE ${savepoint}`)
      chain.restore(before.chain)
      group.facts.restore(before.facts)
      return error
    } finally {
      // The next change reads again what this one may have changed.
      if (change.writes.every(({ type }) => type === 'object')) ahead.forget(own)
      else ahead.forgetAll()
    }
  }

  /**
   * Deletes the rows of pruned entries, also those that a node left when it ended: a part at a time, so that commits come between. Then
   * it looks for more every pruneLookEveryMs.
   */
  prune(): void {
    const { transactions, clock } = this.#options
    this.#pruneLater?.cancel()
    if (this.#closed || transactions.broken) return
    let more = false
    const part = async (session: PostgresSession) => {
      more = await session.take(deletePruned())
    }
    const again = (afterMs: number) => {
      this.#pruneLater?.cancel()
      this.#pruneLater = clock.after(afterMs, () => this.prune())
    }
    transactions
      .inTurn(() => transactions.transact(part, noSteps()))
      .then(
        () => again(more ? 5 : pruneLookEveryMs),
        () => again(pruneAgainMs),
      )
  }
}

/** Sends the reads of the objects that the group expects or writes, and reserves ids for the objects that it adds. */
async function askForAll(session: PostgresSession, jobs: readonly Job[]): Promise<Ahead> {
  const ahead = new Ahead()
  const facts = new GroupFacts()
  const changes = jobs.map(({ change }) => ({
    ...change,
    expect: { objects: change.expect?.objects ?? [] },
  }))
  session.askAhead(
    changes.flatMap((change) => readsOf(change, facts)),
    ahead,
  )
  const added = changes.flatMap(({ writes }) => writes).filter(isNewObject).length
  if (added === 0) return ahead
  const { rows } = await session.query(reserveIds, [added])
  const idsOf = (statement: 'addObject' | 'addMaterial') => rows.map((row) => numberIn(row, statement))
  ahead.addIds('addObject', idsOf('addObject'))
  ahead.addIds('addMaterial', idsOf('addMaterial'))
  return ahead
}

function isNewObject(write: Write): boolean {
  return write.type === 'object' && write.record.version === 1
}
