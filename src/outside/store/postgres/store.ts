// The store on PostgreSQL. It reads on a few connections, where each statement sees every commit that any node answered before it. It
// writes on one connection (writer.ts). The node remembers nothing of the database between two requests, since another node may have
// changed it. In its data folder the node keeps an anchor and an access log, and nothing else.

import type { KeyObject } from 'node:crypto'
import { isBehind } from '../../../core/audit/anchor.ts'
import type { AnchorUse, AnchorVerdict, Timeline } from '../../../core/ports/anchor.ts'
import type { Timer } from '../../../core/ports/clock.ts'
import {
  StoreUnavailable,
  type Change,
  type DatabaseFacts,
  type WriteHealth,
} from '../../../core/ports/store.ts'
import { postgresAgainMsMax } from './bounds.ts'
import { AnchorKeeper, storedStart, type OrderedPosition } from '../audit/anchor-keeper.ts'
import { AuditChain } from '../audit/audit-chain.ts'
import { DatabaseStore, type DatabaseStoreOptions } from '../database-store.ts'
import type { Effects } from '../apply/effects.ts'
import type { Steps } from '../steps.ts'
import { whyUnconfirmed } from './confirming.ts'
import { connectPostgres, startedMicros, type Connecting } from './connect.ts'
import { DatabaseClock } from './database-clock.ts'
import { readFacts } from './database-facts.ts'
import { asUnavailable, postgresTrouble } from './errors.ts'
import { Heartbeat, silence, silent } from './heartbeat.ts'
import { accept, isUnaccepted, markLost, setAnchored, type NodeState } from './node.ts'
import { Readers } from './readers.ts'
import type { PostgresSession } from './session.ts'
import { TurnReads } from './turn-reads.ts'
import { noSteps, Promoted, Transactions } from './transactions.ts'
import { PostgresWriter, type WriterOptions } from './writer.ts'

/** How often within `leaseMs` a node makes a commit to find out whether the database is still the primary. */
const postgresBeatsPerLease = 4
/** How long a request waits for a new confirmed commit if the last one is too old. */
const postgresBeatWaitMs = 1_000
/** The first pause between two attempts to connect. */
const postgresAgainMs = 100

export interface PostgresStoreOptions extends Omit<DatabaseStoreOptions, 'accessName'> {
  readonly connecting: Connecting
  /** The name of this node. */
  readonly node: string
  readonly openedMs: number
  /** How long this node answers after its last confirmed commit. */
  readonly leaseMs: number
  /** See DatabaseClock. */
  readonly onClock?: ((aheadMs: number) => void) | undefined
}

interface Opened {
  readonly session: PostgresSession
  readonly state: NodeState
  /** Releases the lock of the data folder. */
  release(): void
}

export class PostgresStore extends DatabaseStore {
  readonly #options: PostgresStoreOptions
  readonly #opened: Opened
  readonly #heartbeat: Heartbeat
  readonly #databaseClock: DatabaseClock
  readonly #transactions: Transactions
  readonly #writer: PostgresWriter
  readonly #beats: Timer
  readonly #readers: Readers
  protected readonly deciding = new TurnReads((work) => this.#readBy(work))
  #anchor: AnchorKeeper | undefined
  #anchored: boolean
  #position: OrderedPosition | undefined
  /** The newest timeline of the database that this node has seen. */
  #timeline: Timeline | null
  /** Why nothing can be read or written now. */
  #trouble: string | null = null
  /** The node waited for a confirmed commit in vain. */
  #silent = false
  /** Why no commit is confirmed, if the database tells it. */
  #why = ''
  #broken = false
  #closed = false
  #again: Timer | undefined
  #pauseMs: number = postgresAgainMs

  constructor(options: PostgresStoreOptions, opened: Opened) {
    super({ ...options, accessName: `access_moved ${options.node}` })
    this.#options = options
    this.#opened = opened
    this.#anchored = opened.state.anchored
    this.#timeline = opened.session.server.timeline
    const { node, writer: run, openedMs, clock, leaseMs } = options
    const chain = new AuditChain(run, openedMs)
    this.#heartbeat = new Heartbeat(clock, leaseMs)
    this.#databaseClock = new DatabaseClock(clock, options.onClock)
    this.#transactions = new Transactions(
      {
        node,
        run,
        chain,
        clock,
        heartbeat: this.#heartbeat,
        knownLost: opened.state.lost,
        connect: () => this.#connect(),
        onLost: (reason) => this.#lost(reason),
        databaseClock: this.#databaseClock,
        onBroken: (reason) => this.#break(reason),
      },
      opened.session,
    )
    const onPosition: WriterOptions['onPosition'] = (position, effects) => this.#follow(position, effects)
    this.#writer = new PostgresWriter({ chain, clock, transactions: this.#transactions, onPosition })
    this.#readers = new Readers({
      clock,
      open: () => this.#openReader(),
      onNone: () => this.#lost('no connection to the database'),
    })
    this.#beats = clock.every(leaseMs / postgresBeatsPerLease, () => void this.#beat())
  }

  /** Resolves once the store may be read. Rejects with StoreUnavailable. */
  async begin(): Promise<void> {
    for (;;)
      try {
        await this.#transactions.verified()
        this.#writer.prune()
        return this.#endOutage()
      } catch (error) {
        if (!(error instanceof Promoted)) throw error
        await this.#options.clock.sleep(postgresAgainMs)
      }
  }

  protected writeHealth(): WriteHealth {
    const reason = this.#closed
      ? 'the store is closed'
      : (this.#trouble ?? (this.#heartbeat.isYoung() ? this.#writer.locked : this.#silence()))
    return { writable: reason === null, reason }
  }

  override async databaseFacts(): Promise<DatabaseFacts> {
    await this.#requireBeat()
    const facts = await readFacts(await this.#reader())
    return { ...facts, behindMs: this.#databaseClock.behindMs }
  }

  /** A node needs its anchor if the database says that it has one, whatever `how.needed` says. A new node starts from the store. */
  async anchor(key: KeyObject, how: AnchorUse): Promise<AnchorVerdict> {
    let verdict: AnchorVerdict = { state: 'new' }
    let position: OrderedPosition | undefined
    // The anchor may name only confirmed commits. What the first transaction reads is confirmed once that transaction has ended.
    const look = async (session: PostgresSession) => {
      position = this.#position ?? (await session.take(storedStart(null)))
    }
    const hold = async (session: PostgresSession) => {
      if (position) verdict = await this.#holdToAnchor(session, position, key, how)
    }
    try {
      await this.#transactions.inTurn(async () => {
        for (const work of [look, hold]) await this.#transactions.transact(work, noSteps())
      })
    } catch (error) {
      throw asUnavailable('the anchor of the database', error)
    }
    return verdict
  }

  async #holdToAnchor(
    session: PostgresSession,
    position: OrderedPosition,
    key: KeyObject,
    { mode, replaced = [] }: AnchorUse,
  ): Promise<AnchorVerdict> {
    const file = this.anchorFile
    const needed = this.#anchored || (await isUnaccepted(session))
    const { timeline } = session.server
    // Accepting the database replaces the anchors' key first, and at the end frees every node of its anchor (`accept`). If this node
    // still needs its anchor, the acceptance did not end, so an anchor with a replaced key does not count.
    const isAccepted = !needed && !this.#opened.state.lost
    const looking = AnchorKeeper.look(file, key, needed, { timeline, replaced: isAccepted ? replaced : [] })
    const own = await session.take(looking)
    if (own.state === 'older') await markLost(session)
    this.#writer.marks.know(own.state === 'agrees' ? own.anchor.marks : null, position.marks)
    const isOwnRight = own.state === 'agrees' || own.state === 'new'
    const verdict: AnchorVerdict = isOwnRight && this.#opened.state.lost ? { state: 'lacking' } : own
    const isRight = verdict.state === 'agrees' || verdict.state === 'new'
    const isNewFile = mode === 'anew' || (mode === 'own' && verdict.state === 'accepted-elsewhere')
    if (!isNewFile && !(mode === 'keep' && isRight)) return verdict
    await this.#anchor?.end()
    const { onTrouble = () => {} } = this.#options
    const known = { ...position, marks: this.#writer.marks.end }
    const withTimeline = { ...known, ...(this.#timeline && { timeline: this.#timeline }) }
    this.#anchor = AnchorKeeper.start({ file, key, isNewFile, onTrouble }, withTimeline)
    if (mode === 'anew') await accept(session)
    await setAnchored(session, this.#options.node)
    this.#anchored = true
    return verdict
  }

  openMarks(key: KeyObject): void {
    this.#writer.marks.key = this.deciding.markKey = key
  }

  protected write(change: Change): Promise<void> {
    return this.#writer.commit(change)
  }

  protected async end(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#again?.cancel()
    this.#beats.cancel()
    await this.#writer.close()
    await this.#transactions.close()
    await this.#readers.end()
    await this.#anchor?.end()
    this.#opened.release()
  }

  protected read<T>(steps: Steps<T>): Promise<T> {
    return this.#readBy((session) => session.take(steps))
  }

  async #readBy<T>(work: (session: PostgresSession) => Promise<T>): Promise<T> {
    await this.#requireBeat()
    const { server } = this.#transactions
    const session = await this.#reader()
    let answer: T
    try {
      if (session.server.pooled) await this.#requireSameServer(session)
      answer = await work(session)
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error
      const trouble = postgresTrouble(error)
      if (trouble === null) throw error
      if (trouble === 'gone') {
        session.drop()
        this.#lost('the connection to the database was lost')
      }
      throw asUnavailable('read the database', error)
    }
    // While the heartbeat is young, the answer may leave even if a replica was promoted after the read: nodes do not use that replica
    // before this node must stop answering. If the heartbeat grew too old meanwhile, a later commit on the same server shows that no
    // replica took its place.
    if (this.#heartbeat.isYoung()) return answer
    await this.#requireBeat()
    if (server && server === this.#transactions.server) return answer
    throw silent(this.#silence())
  }

  /** Rejects with StoreUnavailable unless the last confirmed commit is young. */
  async #requireBeat(): Promise<void> {
    if (this.#closed) throw new StoreUnavailable('unavailable', 'the store is closed')
    if (this.#transactions.broken) throw this.#transactions.broken
    if (this.#trouble !== null) throw new StoreUnavailable('unavailable', this.#trouble)
    if (!(await this.#becomesYoung())) throw silent(this.#silence())
  }

  /** If the last confirmed commit is too old, as after this machine slept or its clock was set, a new one may be confirmed at once. */
  async #becomesYoung(): Promise<boolean> {
    if (this.#heartbeat.isYoung()) return true
    if (this.#silent) return false
    const enough = this.#options.clock.sleep(postgresBeatWaitMs)
    await Promise.race([this.#askSign(), enough]).catch(() => undefined)
    if (this.#heartbeat.isYoung()) return true
    this.#setSilent()
    return false
  }

  /** After this machine slept, only a second answer of the database makes `#databaseClock` right. */
  async #askSign(): Promise<void> {
    await this.#transactions.verified()
    if (this.#databaseClock.isUnsure) await this.#transactions.verified()
  }

  async #beat(): Promise<void> {
    if (this.#trouble !== null || this.#closed) return
    await this.#becomesYoung()
    await this.#transactions.verified().then(
      () => this.#endOutage(),
      // A read fails by itself once the heartbeat is too old, and the store knows of a lost connection.
      () => undefined,
    )
  }

  #setSilent(): void {
    if (this.#silent) return
    this.#silent = true
    this.#why = ''
    void this.#tellSilence()
    // This host may be an old primary, and another host the new one.
    this.#transactions.drop()
  }

  async #tellSilence(): Promise<void> {
    this.#why = await whyUnconfirmed(() => connectPostgres(this.#options.connecting, this.#timeline))
    this.#options.onTrouble?.(this.#silence())
  }

  #silence(): string {
    return silence(this.#heartbeat.ageMs(), this.#why)
  }

  async #reader(): Promise<PostgresSession> {
    const session = await this.#readers.next()
    if (session.ended) {
      this.#lost(`the connection to the database has ended (${session.ended.message})`)
      throw new StoreUnavailable('unavailable', this.#trouble ?? 'the connection to the database has ended')
    }
    // The writer may have gone over to another server while this connection lasted.
    this.#requireServer(session.server.started)
    return session
  }

  /**
   * Opens a connection to the server that takes the changes. A commit that began after the connection was opened shows that this server
   * has not restarted meanwhile, and that a replica has everything that can be read there.
   */
  async #openReader(): Promise<PostgresSession> {
    const session = await this.#connect()
    try {
      await this.#transactions.verified()
      this.#requireServer(session.server.started)
      return session
    } catch (error) {
      session.drop()
      throw error
    }
  }

  /** Behind a pooler each statement may go to another server. */
  async #requireSameServer(session: PostgresSession): Promise<void> {
    const row = (await session.query(`SELECT ${startedMicros} AS started`)).rows[0]
    this.#requireServer(row?.['started'])
  }

  #requireServer(started: unknown): void {
    if (started === this.#transactions.lastServer?.started) return
    const reason = 'another server answers than before'
    this.#lost(reason)
    throw new StoreUnavailable('unavailable', reason)
  }

  async #connect(): Promise<PostgresSession> {
    if (this.#closed) throw new StoreUnavailable('unavailable', 'the store is closed')
    const session = await connectPostgres(this.#options.connecting, this.#timeline)
    const { timeline } = session.server
    // The timelines of another cluster cannot be compared; the count of commits shows whether its server has all answered commits.
    if (timeline && !isBehind(timeline, this.#timeline)) this.#timeline = timeline
    return session
  }

  /**
   * Another server may answer next. So the node reads nothing before a new connection has shown that its server has all answered
   * commits. The store tries that until it succeeds.
   */
  #lost(reason: string): void {
    if (this.#closed || this.#broken || this.#trouble !== null) return
    this.#trouble = `${reason}: Mortise tries to reach it again`
    this.#options.onTrouble?.(this.#trouble)
    this.#readers.drop()
    this.#pauseMs = postgresAgainMs
    this.#tryAgain()
  }

  #tryAgain(): void {
    this.#again = this.#options.clock.after(this.#pauseMs, () => {
      this.#pauseMs = Math.min(2 * this.#pauseMs, postgresAgainMsMax)
      this.#transactions.verified().then(
        () => this.#endOutage(),
        (error: unknown) => {
          if (this.#broken || this.#closed) return
          this.#trouble = error instanceof Error ? error.message : String(error)
          this.#tryAgain()
        },
      )
    })
  }

  #endOutage(): void {
    if (this.#broken || (this.#trouble === null && !this.#silent)) return
    this.#again?.cancel()
    this.#trouble = null
    this.#silent = false
    this.#options.onTrouble?.('the database answers again')
  }

  #break(reason: string): void {
    this.#broken = true
    this.#trouble = reason
    this.#options.onTrouble?.(reason)
  }

  #follow(position: OrderedPosition, { checkpointed }: Effects): void {
    this.#endOutage()
    this.#position = position
    const withTimeline = { ...position, ...(this.#timeline && { timeline: this.#timeline }) }
    this.#anchor?.noteAside(withTimeline, checkpointed)
  }
}
