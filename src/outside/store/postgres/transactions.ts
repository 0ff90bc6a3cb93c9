// The transactions that write to PostgreSQL, one at a time, on one connection. All nodes take turns (turn.ts) by a lock that ends with
// the transaction, so the rules of each transaction decide as if no other node wrote.
//
// The outcome of a commit is uncertain if its answer was lost, or if no replica has confirmed it: a replica without the commit may
// take the primary's place. The node finds out under the same lock, when the old transaction has ended one way or the other: it
// compares the number of its own commits (node.ts) and the head of its audit chain with the database. The state with the uncertain
// commit is right, and so is the state without it. The commit counts as done only once a replica that must confirm it has it too. In
// any other state the database has lost commits that were answered, and the node reads and writes nothing any more.
//
// If a replica takes the primary's place, nodes do not use it at once. A node that was cut off together with the old primary answers
// from it until its heartbeat (heartbeat.ts) is too old, and does not see what other nodes change on the new primary.

import { isBehind } from '../../../core/audit/anchor.ts'
import { postgresAnswerMs, postgresIdleMs, postgresTurnMs } from './bounds.ts'
import type { Timeline } from '../../../core/ports/anchor.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import { StoreUnavailable } from '../../../core/ports/store.ts'
import type { AuditChain } from '../audit/audit-chain.ts'
import type { Steps } from '../steps.ts'
import type { DatabaseClock } from './database-clock.ts'
import { asUnavailable, postgresText, postgresTrouble } from './errors.ts'
import type { Heartbeat, Moment } from './heartbeat.ts'
import {
  countCommit,
  doubtNodes,
  endLease,
  markLost,
  readTimeline,
  recordTimeline,
  setProven,
  writerState,
  type RunState,
} from './node.ts'
import type { PostgresServer, PostgresSession } from './session.ts'
import { withHolder } from './table-lock.ts'
import { freeTurn, turnLock } from './turn.ts'

/** How long a transaction waits for a locked table. An administrator's command may lock a table for long. */
const postgresTableMs = 200

export interface TransactionsOptions {
  readonly node: string
  readonly run: string
  readonly chain: AuditChain
  readonly clock: Pick<Clock, 'monotonic'>
  readonly heartbeat: Heartbeat
  /** The run began on a database that is known to have lost commits, which only its owner can accept. */
  readonly knownLost: boolean
  /** Rejects with StoreUnavailable. */
  readonly connect: () => Promise<PostgresSession>
  /** Called when the connection was lost. Other connections may then lead to a server that is no longer the primary. */
  readonly onLost: (reason: string) => void
  readonly databaseClock: DatabaseClock
  /** Called when the store cannot go on, even if the database can be reached again. */
  readonly onBroken: (reason: string) => void
}

/**
 * Read committed, so that each statement sees what was committed before it, and not only what was committed before the transaction got
 * its turn. The level of messages lets the warning through that refuseUnconfirmed needs.
 */
export const begin = `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL client_min_messages = warning;
  SET LOCAL lock_timeout = ${postgresTurnMs};
  SET LOCAL statement_timeout = ${postgresAnswerMs};
  SET LOCAL idle_in_transaction_session_timeout = ${postgresIdleMs}`
/** Makes the commit at least as durable as the store promises, whatever the default of the role is. */
const confirmed = `SELECT CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply'
  ELSE set_config('synchronous_commit', 'on', true) END`

type ChainMark = ReturnType<AuditChain['mark']>

export class Transactions {
  readonly #options: TransactionsOptions
  /** The first connection, until `#ready` has checked that its server has all answered commits. */
  #first: PostgresSession | undefined
  #session: PostgresSession | undefined
  /** The number of this run's confirmed commits, and the head of its audit chain after them. */
  #commits = 0
  #head: ChainMark
  /** If one more commit may be done or not: the head of the audit chain after that commit. */
  #uncertain: ChainMark | undefined
  #promoted: { readonly timeline: Timeline; readonly sinceMs: number } | undefined
  #broken: StoreUnavailable | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #verifying: Promise<void> | undefined

  /** `first`: the connection on which the run took the node's name. */
  constructor(options: TransactionsOptions, first: PostgresSession) {
    this.#options = options
    this.#first = first
    this.#head = options.chain.mark()
  }

  get broken(): StoreUnavailable | undefined {
    return this.#broken
  }

  /** The server that has all answered commits; undefined while no such server is known. */
  get server(): PostgresServer | undefined {
    return this.#session?.ended === undefined ? this.#session?.server : undefined
  }

  /** Like `server`, but after its connection has ended it stays until the next connection. */
  get lastServer(): PostgresServer | undefined {
    return this.#session?.server
  }

  /**
   * Resolves once a server that has all answered commits has confirmed a commit that began after this call. Rejects with
   * StoreUnavailable.
   */
  verified(): Promise<void> {
    this.#verifying ??= this.inTurn(() => {
      this.#verifying = undefined
      return this.transact(nothing, noSteps())
    })
    return this.#verifying
  }

  /** Runs the work once all earlier work has ended, so that only one transaction runs at a time. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** Ends the connection at once, without waiting for answers: the server may no longer be the primary. */
  drop(): void {
    this.#session?.drop()
  }

  async close(): Promise<void> {
    await this.#turn
    if (this.server) {
      const { node, run } = this.#options
      await this.transact((session) => endLease(session, node, run), noSteps()).catch(() => undefined)
    }
    await this.#session?.end()
    this.#first?.drop()
  }

  /**
   * Call this only within `inTurn`. `ask` only reads, since it is sent before the server has confirmed that the transaction is open.
   * `last` is sent together with the COMMIT, so only its last statement may want an answer. Resolves with that answer; with undefined
   * if the answer was lost and the commit is done. If this rejects, the caller sets the audit chain back to where it was: if the commit
   * turns out to be done later, `#ready` sets the chain to that commit's head.
   */
  async transact<T>(
    work: (session: PostgresSession) => Promise<unknown>,
    last: Steps<T>,
    ask: (session: PostgresSession) => Promise<unknown> = nothing,
  ): Promise<T | undefined> {
    const session = await this.#ready()
    const { chain, heartbeat } = this.#options
    let sent: Moment | undefined
    let answer: T
    try {
      await this.#begin(session, ask)
      await work(session)
      session.takeWarnings()
      sent = heartbeat.now()
      const [lastAnswer, committed] = [session.take(last), session.commit()]
      await allOf(committed, lastAnswer)
      answer = await lastAnswer
    } catch (error) {
      const first = session.takeFailure() ?? error
      await freeTurn(session, first)
      const lost = await this.#undo(session, error)
      if (lost && sent && (await this.#wasDone(error))) return undefined
      throw await withHolder(session, first)
    }
    this.#uncertain = chain.mark()
    this.#refuseUnconfirmed(session)
    this.#countConfirmed(this.#uncertain)
    heartbeat.confirmed(sent)
    return answer
  }

  #countConfirmed(head: ChainMark): void {
    this.#commits += 1
    this.#head = head
    this.#uncertain = undefined
  }

  /**
   * If BEGIN fails, the server still runs the statements that were sent behind it, each as a transaction of its own. So it may have
   * counted the commit.
   */
  async #begin(session: PostgresSession, ask: (session: PostgresSession) => Promise<unknown>): Promise<void> {
    const begun = beginTurn(session)
    try {
      await allOf(begun, this.#count(session), ask(session))
    } catch (error) {
      await begun.catch(() => {
        session.drop()
        this.#uncertain = this.#options.chain.mark()
      })
      throw error
    }
  }

  /** Counts the commit, and checks that the server that counts is the one that counted before: a pooler may lead to another server. */
  async #count(session: PostgresSession): Promise<void> {
    const { node, run, clock, databaseClock } = this.#options
    const askedMs = clock.monotonic()
    const { commits, started, lost, nowMs } = await countCommit(session, node, run)
    databaseClock.take(nowMs, askedMs)
    if (lost && !this.#options.knownLost)
      throw this.#break('another node was answered commits that the database does not have: it lost them')
    if (commits === this.#commits + 1 && started === session.server.started) return
    session.drop()
    throw new StoreUnavailable('unavailable', 'another server answers than before')
  }

  /** Whether the commit whose answer was lost was done. Throws StoreUnavailable if no server can say now. */
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

  /** Rolls back. Returns whether the connection is lost. */
  async #undo(session: PostgresSession, error: unknown): Promise<boolean> {
    const lost =
      session.ended !== undefined ||
      (!(error instanceof StoreUnavailable) && postgresTrouble(error) === 'gone')
    if (lost) {
      session.drop()
      this.#options.onLost('the connection to the database was lost')
    } else await session.query('ROLLBACK').catch(() => session.drop())
    return lost
  }

  /** The connection that writes. It returns a new connection only once the server has shown that it has all answered commits. */
  async #ready(): Promise<PostgresSession> {
    if (this.#broken) throw this.#broken
    if (this.#session && this.#session.ended === undefined) return this.#session
    const { connect, node, run, chain, heartbeat, onLost } = this.#options
    let session = this.#first
    this.#first = undefined
    try {
      session ??= await connect()
      const begun = beginTurn(session)
      const nodeState = writerState(session, node, run)
      await allOf(begun, nodeState)
      const state = await nodeState
      const uncertain = isAt(state, this.#commits + 1, this.#uncertain) ? this.#uncertain : undefined
      if (!uncertain && !isAt(state, this.#commits, this.#head)) throw await this.#lostCommits(session, state)
      await this.#followTimeline(session)
      if (this.#commits > 0) await setProven(session, node)
      session.takeWarnings()
      const sent = heartbeat.now()
      await session.commit()
      this.#refuseUnconfirmed(session)
      heartbeat.confirmed(sent)
      if (uncertain) {
        this.#countConfirmed(uncertain)
        chain.restore(uncertain)
        chain.settled()
      }
      this.#uncertain = undefined
    } catch (error) {
      const first = session?.takeFailure() ?? error
      if (session) await freeTurn(session, first)
      session?.drop()
      onLost('no database is found that has all that was answered')
      // `first`: the error of an earlier statement, after which PostgreSQL refused the rest of the transaction, or this error.
      throw asUnavailable('ask the database for the last commit', first)
    }
    this.#session = session
    return session
  }

  /** Runs in the open transaction. Throws Promoted as long as another node may still answer from the earlier primary. */
  async #followTimeline(session: PostgresSession): Promise<void> {
    const { timeline } = session.server
    if (timeline === null) return
    const { clock, node } = this.#options
    const { recorded, leaseMs } = await readTimeline(session, node)
    if (isSame(recorded, timeline)) return
    if (isBehind(timeline, recorded))
      throw new StoreUnavailable('unavailable', 'the server is an old primary: it has rows of a newer one')
    if (recorded && leaseMs > 0) {
      if (!isSame(this.#promoted?.timeline, timeline))
        this.#promoted = { timeline, sinceMs: clock.monotonic() }
      const leftMs = this.#promoted.sinceMs + leaseMs - clock.monotonic()
      if (leftMs > 0)
        throw new Promoted(
          'unavailable',
          `a replica took the place of the primary (timeline ${timeline.number}): it is used in ${Math.ceil(leftMs / 1000)} s, when no ` +
            'other node can answer from the old one any more',
        )
    }
    this.#promoted = undefined
    if (recorded) await doubtNodes(session)
    await recordTimeline(session, timeline)
  }

  async #lostCommits(session: PostgresSession, state: RunState | undefined): Promise<StoreUnavailable> {
    const { node } = this.#options
    if (state === undefined)
      return this.#break(
        `the database does not know this process as the node ${node} any more: another process took that name, the ` +
          'database needs a newer version of Mortise now, or it was set back',
        'Nothing is served. Look at the database, then start this node again.',
      )
    await markLost(session)
      .then(() => session.commit())
      .catch(() => undefined)
    return this.#break(
      state.commits < this.#commits
        ? `the database has ${state.commits} of the ${this.#commits} commits that this process was answered: it lost the others`
        : 'the database has other commits of this process than those that it was answered: it lost those',
    )
  }

  #break(reason: string, hint: string = lostHint): StoreUnavailable {
    this.#broken = new StoreUnavailable('unavailable', `${reason}. ${hint}`, { hint })
    this.#options.onBroken(this.#broken.message)
    return this.#broken
  }

  /**
   * Throws if no replica confirmed the commit. PostgreSQL then only sends a warning, in any language; the name of the function that warns
   * is always the same.
   */
  #refuseUnconfirmed(session: PostgresSession): void {
    const warned = session.takeWarnings().find(({ routine }) => routine === 'SyncRepWaitForLSN')
    if (!warned) return
    // Other sessions see the commit now, but a failover may undo it. So this node reads nothing before a later commit is confirmed.
    session.drop()
    this.#options.onLost('a replica that must confirm each commit did not (synchronous_standby_names)')
    throw new StoreUnavailable(
      'unavailable',
      `the database wrote the change, and no replica has confirmed it (${warned.message ?? ''})`,
    )
  }
}

/** The server was a replica a moment ago. The node uses it a little later. */
export class Promoted extends StoreUnavailable {}

const lostHint =
  'The database lost commits, as after a failover to a replica that did not have them. Nothing is served. Look for the server ' +
  'that has them, or accept the loss: mortise restore-accept.'

function isSame<T extends Timeline>(one: T | null | undefined, other: Timeline): one is T {
  return one?.cluster === other.cluster && one.number === other.number
}

function isAt(state: RunState | undefined, commits: number, head: ChainMark | undefined): boolean {
  if (state?.commits !== commits || state.number !== head?.number) return false
  return head.number === 0 || state.hash === head.hash
}

/**
 * Begins a transaction and waits for the node's turn. The caller may send the next statements before this resolves. Resolves once the
 * transaction is open; if it rejects, no transaction is open. First it forgets the failures that a savepoint undid in the transaction
 * before.
 */
async function beginTurn(session: PostgresSession): Promise<void> {
  session.takeFailure()
  const begun = session.query(begin)
  session.send(confirmed)
  session.send(turnLock)
  // While this transaction has the turn and waits for a table, all other nodes wait too.
  session.send(`SET LOCAL lock_timeout = ${postgresTableMs}`)
  await begun
}

const nothing = async (): Promise<void> => undefined

/** The steps of a transaction that reads nothing at its end. */
export function* noSteps(): Steps<void> {}

/** Waits until all have ended, then throws the error of the first one in the list that rejected. */
async function allOf(...works: readonly Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(works))
    if (outcome.status === 'rejected') throw outcome.reason
}
