// Commits changes to PostgreSQL. All nodes take turns by a lock that ends with the transaction, so a change decides on what it
// reads as if it were alone. What waits goes as a group into one transaction, a savepoint for each change, so one flush and
// one confirmation by the replica serve all of them.
//
// The outcome of a commit whose answer was lost is found out by the number of this run's commits (node.ts), under the same
// lock: the old transaction has ended then, whatever its end. It counts as done only once a replica that must confirm it has
// it too. If the database has fewer commits than were answered, it has lost them, and nothing is read or written any more.

import { StoreConflict, StoreUnavailable, type Change } from '../../ports/store.ts'
import { limits } from '../../limits.ts'
import { storedPosition, type OrderedPosition } from '../anchor-keeper.ts'
import { applyChange } from '../apply.ts'
import type { AuditChain } from '../audit-chain.ts'
import { noEffects, type Effects } from '../effects.ts'
import { deletePruned } from '../prune.ts'
import { asUnavailable, postgresText, postgresTrouble } from './errors.ts'
import { commitsOf, countCommit } from './node.ts'
import { turnLock } from './schema.ts'
import type { Session } from './session.ts'

interface Job {
  readonly change: Change
  resolve(): void
  reject(error: unknown): void
}

export interface WriterOptions {
  readonly node: string
  readonly run: string
  readonly chain: AuditChain
  /** Rejects with StoreUnavailable. */
  readonly connect: () => Promise<Session>
  /** A connection was lost: the others may lead to a server that is none any more. */
  readonly onLost: () => void
  /** The store cannot go on, whatever comes back. */
  readonly onBroken: (reason: string) => void
  /** All that was committed up to there is durable. */
  readonly onPosition: (position: OrderedPosition, effects: Effects) => void
}

const begin = `BEGIN; SET LOCAL lock_timeout = ${limits.postgresTurnMs};
  SET LOCAL statement_timeout = ${limits.postgresAnswerMs};
  SET LOCAL idle_in_transaction_session_timeout = ${limits.postgresIdleMs}`
/** At least as durable as the promise, whatever the default of the role is. */
const confirmed = `SELECT CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply'
  ELSE set_config('synchronous_commit', 'on', true) END`

export class PostgresWriter {
  readonly #options: WriterOptions
  #session: Session | undefined
  #waiting: Job[] = []
  #running: Promise<void> | undefined
  #commits = 0
  /** The answer to the last commit was lost: the audit chain is there if it was done. */
  #uncertain: ReturnType<AuditChain['mark']> | undefined
  #order = 0
  #closed = false
  #broken: string | undefined

  /** `session`: the run has the node's name since its last transaction. */
  constructor(options: WriterOptions, session: Session) {
    this.#options = options
    this.#session = session
  }

  commit(change: Change): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(new StoreUnavailable('unavailable', this.#broken))
    if (this.#closed) return Promise.reject(new StoreUnavailable('unavailable', 'the store is closed'))
    if (this.#waiting.length >= limits.commitQueueMax)
      return Promise.reject(
        new StoreUnavailable(
          'busy',
          `${this.#waiting.length} changes wait for the database: try again in a moment`,
        ),
      )
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves once a server is there that has all that was answered. Rejects with StoreUnavailable. */
  async verified(): Promise<void> {
    await this.transact(async () => undefined)
  }

  /** Works in a transaction of its own. */
  async transact<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#inTurn(() => this.#transact(work))
  }

  async close(): Promise<void> {
    this.#closed = true
    while (this.#running) await this.#running
    await this.#session?.end()
  }

  #turn: Promise<unknown> = Promise.resolve()

  /** One transaction at a time. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async #run(): Promise<void> {
    // All of this turn of the event loop are in the first group.
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) {
      const jobs = this.#waiting.splice(0, limits.commitGroupMax)
      await this.#inTurn(() => this.#group(jobs))
    }
    // In the same turn as the look at what waits.
    this.#running = undefined
  }

  /** Never rejects: each job is told. */
  async #group(jobs: readonly Job[]): Promise<void> {
    const { chain } = this.#options
    const start = chain.mark()
    const effects = noEffects()
    const conflicts = new Map<Job, StoreConflict>()
    try {
      const stored = await this.#transact(async (session) => {
        await session.take(chain.follow())
        for (const job of jobs) {
          const conflict = await this.#apply(session, job.change, effects)
          if (conflict) conflicts.set(job, conflict)
        }
        await session.take(chain.save())
        return session.take(storedPosition())
      })
      chain.settled()
      const head = chain.head()
      const heads = head ? [head] : []
      this.#options.onPosition({ ...stored, heads, order: ++this.#order }, effects)
      if (effects.pruned) this.#prune()
      for (const job of jobs) {
        const conflict = conflicts.get(job)
        if (conflict) job.reject(conflict)
        else job.resolve()
      }
    } catch (error) {
      if (!(error instanceof Unconfirmed)) chain.restore(start)
      chain.settled()
      if (postgresTrouble(error) === null && !(error instanceof StoreUnavailable))
        return this.#alone(jobs, error)
      for (const job of jobs) job.reject(conflicts.get(job) ?? asUnavailable('write to the database', error))
    }
  }

  /** One of them is no change: which one shows when each is committed alone. */
  async #alone(jobs: readonly Job[], error: unknown): Promise<void> {
    const [first, ...more] = jobs
    if (more.length === 0)
      return first?.reject(new Error(`write to the store: ${postgresText(error)}`, { cause: error }))
    for (const job of jobs) await this.#group([job])
  }

  async #apply(session: Session, change: Change, effects: Effects): Promise<StoreConflict | undefined> {
    const { chain } = this.#options
    const mark = chain.mark()
    session.send('SAVEPOINT change')
    try {
      await session.take(applyChange(chain, change, effects))
      session.send('RELEASE change')
      return undefined
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
      session.send('ROLLBACK TO change; RELEASE change')
      chain.restore(mark)
      return error
    }
  }

  /** Throws Unconfirmed if it was committed and a replica that must confirm it did not. */
  async #transact<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#ready()
    const { node, run } = this.#options
    let result: { readonly value: T } | undefined
    try {
      session.send(begin)
      session.send(confirmed)
      session.send(turnLock)
      await countCommit(session, node, run)
      result = { value: await work(session) }
      session.takeWarnings()
      await session.commit()
    } catch (error) {
      const first = session.takeFailure() ?? error
      const lost = await this.#undo(session, error)
      if (lost && result && (await this.#wasDone(error))) return result.value
      throw first
    }
    this.#commits += 1
    refuseUnconfirmed(session)
    return result.value
  }

  /** Whether the commit whose answer was lost was done. Throws StoreUnavailable if nobody can tell now. */
  async #wasDone(cause: unknown): Promise<boolean> {
    const before = this.#commits
    this.#uncertain = this.#options.chain.mark()
    try {
      await this.#ready()
    } catch {
      const message = `the connection was lost during a commit (${postgresText(cause)}): it may have been done or not`
      throw new StoreUnavailable('unavailable', message, { cause })
    }
    return this.#commits > before
  }

  /** Whether the connection is lost. */
  async #undo(session: Session, error: unknown): Promise<boolean> {
    const lost =
      session.ended !== undefined ||
      (!(error instanceof StoreUnavailable) && postgresTrouble(error) === 'gone')
    if (lost) {
      session.drop()
      this.#options.onLost()
    } else await session.query('ROLLBACK').catch(() => session.drop())
    return lost
  }

  /** The connection that writes; a new one only when its server has all that was answered. */
  async #ready(): Promise<Session> {
    if (this.#broken !== undefined) throw new StoreUnavailable('unavailable', this.#broken)
    if (this.#session && this.#session.ended === undefined) return this.#session
    const { connect, node, run, chain } = this.#options
    const session = await connect()
    try {
      session.send(begin)
      session.send(confirmed)
      session.send(turnLock)
      const commits = await commitsOf(session, node, run)
      const uncertain = commits === this.#commits + 1 ? this.#uncertain : undefined
      if (commits !== this.#commits && !uncertain) throw this.#break(commits)
      await session.commit()
      refuseUnconfirmed(session)
      if (uncertain) {
        this.#commits += 1
        chain.restore(uncertain)
        chain.settled()
      }
      this.#uncertain = undefined
    } catch (error) {
      session.drop()
      throw asUnavailable('ask the database for the last commit', error)
    }
    this.#session = session
    return session
  }

  #break(commits: number | undefined): StoreUnavailable {
    const { node, onBroken } = this.#options
    this.#broken =
      commits === undefined
        ? `the database does not know this process as the node ${node} any more: another process took that name, or the ` +
          'database was set back. Nothing is served. Look at the database, then start again'
        : `the database has ${commits} of the ${this.#commits} commits that this process was answered: it lost the others, as ` +
          'after a failover to a replica that did not have them. Nothing is served. Look for the database that has them'
    onBroken(this.#broken)
    return new StoreUnavailable('unavailable', this.#broken)
  }

  #prune(): void {
    const again = () => this.#prune()
    this.transact((session) => session.take(deletePruned()))
      .then((more) => more && !this.#closed && setTimeout(again, 5).unref())
      .catch(() => undefined)
  }
}

/** The transaction was committed here, and its confirmation by a replica was given up: who waits for it gets a failure. */
class Unconfirmed extends StoreUnavailable {}

/** PostgreSQL only warns of it. The name of its function is the same in every language. */
function refuseUnconfirmed(session: Session): void {
  const warned = session.takeWarnings().find(({ routine }) => routine === 'SyncRepWaitForLSN')
  if (!warned) return
  throw new Unconfirmed(
    'unavailable',
    `the database wrote the change, and no replica has confirmed it (${warned.message ?? ''})`,
  )
}
