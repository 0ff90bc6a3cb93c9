// The store on PostgreSQL. It reads on a few connections, each statement of which sees every commit that was answered before,
// through any node; it writes on one (writer.ts). Nothing of it is remembered between two requests: another node may have
// changed it. The node keeps an anchor and an access log in its data folder, and nothing else.

import type { KeyObject } from 'node:crypto'
import type { AnchorUse, AnchorVerdict } from '../../ports/anchor.ts'
import type { Timer } from '../../ports/clock.ts'
import { StoreUnavailable, type Change, type StoreHealth } from '../../ports/store.ts'
import { limits } from '../../limits.ts'
import { AnchorKeeper, storedHeads, storedPosition, type OrderedPosition } from '../anchor-keeper.ts'
import { AuditChain } from '../audit-chain.ts'
import { DatabaseStore, type DatabaseStoreOptions } from '../database-store.ts'
import type { Effects } from '../effects.ts'
import type { Steps } from '../steps.ts'
import { connect, type Connecting } from './connect.ts'
import { asUnavailable, postgresTrouble } from './errors.ts'
import { accept, isUnaccepted, setAnchored, type NodeState } from './node.ts'
import type { Session } from './session.ts'
import { PostgresWriter } from './writer.ts'

export interface PostgresStoreOptions extends Omit<DatabaseStoreOptions, 'accessName'> {
  readonly connecting: Connecting
  /** The name of this node. */
  readonly node: string
  readonly openedMs: number
}

interface Opened {
  readonly session: Session
  readonly state: NodeState
  /** Ends what only one process may have, such as the data folder's lock. */
  release(): void
}

export class PostgresStore extends DatabaseStore {
  readonly #options: PostgresStoreOptions
  readonly #opened: Opened
  readonly #writer: PostgresWriter
  #readers: Promise<Session>[] = []
  #next = 0
  #anchor: AnchorKeeper | undefined
  #anchored: boolean
  #position: OrderedPosition | undefined
  /** Why nothing can be read or written now. */
  #trouble: string | null = null
  #broken = false
  #closed = false
  #again: Timer | undefined
  #pauseMs: number = limits.postgresAgainMs

  constructor(options: PostgresStoreOptions, opened: Opened) {
    super({ ...options, accessName: `access_moved ${options.node}` })
    this.#options = options
    this.#opened = opened
    this.#anchored = opened.state.anchored
    const { node, writer: run, openedMs } = options
    this.#writer = new PostgresWriter(
      {
        node,
        run,
        chain: new AuditChain(run, openedMs),
        connect: () => this.#connect(),
        onLost: () => this.#lost('the connection to the database was lost'),
        onBroken: (reason) => this.#break(reason),
        onPosition: (position, effects) => this.#follow(position, effects),
      },
      opened.session,
    )
  }

  health(): StoreHealth {
    return {
      writable: this.#trouble === null && !this.#closed,
      reason: this.#closed ? 'the store is closed' : this.#trouble,
    }
  }

  /** A node that has an anchor needs it, whatever the caller thinks of the store; a new node starts from the store. */
  async anchor(key: KeyObject, { mode }: AnchorUse): Promise<AnchorVerdict> {
    const file = this.anchorFile
    try {
      return await this.#writer.transact(async (session) => {
        const verdict = await session.take(
          AnchorKeeper.look(file, key, this.#anchored || (await isUnaccepted(session))),
        )
        const right = verdict.state === 'agrees' || verdict.state === 'new'
        if (mode !== 'anew' && !(mode === 'keep' && right)) return verdict
        this.#anchor?.close()
        const { onTrouble = () => {} } = this.#options
        const position = this.#position ?? {
          ...(await session.take(storedPosition())),
          heads: await session.take(storedHeads()),
          order: 0,
        }
        this.#anchor = AnchorKeeper.start({ file, key, anew: mode === 'anew', onTrouble }, position)
        if (mode === 'anew') await accept(session)
        await setAnchored(session, this.#options.node)
        this.#anchored = true
        return verdict
      })
    } catch (error) {
      throw asUnavailable('the anchor of the database', error)
    }
  }

  protected write(change: Change): Promise<void> {
    return this.#writer.commit(change)
  }

  protected async end(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#again?.cancel()
    await this.#writer.close()
    const readers = await Promise.allSettled(this.#readers.splice(0))
    for (const reader of readers) if (reader.status === 'fulfilled') await reader.value.end()
    this.#anchor?.settle()
    this.#anchor?.close()
    this.#opened.release()
  }

  protected async read<T>(steps: Steps<T>): Promise<T> {
    const session = await this.#reader()
    try {
      return await session.take(steps)
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
  }

  /** The readers in turn; another one while there may be more. */
  async #reader(): Promise<Session> {
    if (this.#closed) throw new StoreUnavailable('unavailable', 'the store is closed')
    if (this.#trouble !== null) throw new StoreUnavailable('unavailable', this.#trouble)
    if (this.#readers.length < limits.postgresReaders) {
      const reader = this.#connect()
      this.#readers.push(reader)
      reader.catch(() => this.#lost('no connection to the database'))
    }
    const reader = this.#readers[this.#next++ % this.#readers.length]
    if (!reader) throw new StoreUnavailable('unavailable', 'no connection to the database')
    const session = await reader
    if (session.ended === undefined) return session
    this.#lost(`the connection to the database has ended (${session.ended.message})`)
    throw new StoreUnavailable('unavailable', this.#trouble ?? 'the connection to the database has ended')
  }

  async #connect(): Promise<Session> {
    if (this.#closed) throw new StoreUnavailable('unavailable', 'the store is closed')
    return connect(this.#options.connecting)
  }

  /**
   * Whoever answers next may be another server. So nothing is read before the writer has found there what was answered; it
   * tries until it has.
   */
  #lost(reason: string): void {
    if (this.#closed || this.#broken || this.#trouble !== null) return
    this.#trouble = `${reason}: Mortise tries to reach it again`
    this.#options.onTrouble?.(this.#trouble)
    for (const reader of this.#readers.splice(0))
      reader.then((session) => session.drop()).catch(() => undefined)
    this.#pauseMs = limits.postgresAgainMs
    this.#tryAgain()
  }

  #tryAgain(): void {
    this.#again = this.#options.clock.after(this.#pauseMs, () => {
      this.#pauseMs = Math.min(2 * this.#pauseMs, limits.postgresAgainMsMax)
      this.#writer.verified().then(
        () => this.#found(),
        (error: unknown) => {
          if (this.#broken || this.#closed) return
          this.#trouble = error instanceof Error ? error.message : String(error)
          this.#tryAgain()
        },
      )
    })
  }

  #found(): void {
    if (this.#broken || this.#trouble === null) return
    this.#again?.cancel()
    this.#trouble = null
    this.#options.onTrouble?.('the database answers again')
  }

  #break(reason: string): void {
    this.#broken = true
    this.#trouble = reason
    this.#options.onTrouble?.(reason)
  }

  #follow(position: OrderedPosition, { checkpointed }: Effects): void {
    this.#found()
    this.#position = position
    this.#anchor?.note(position)
    if (checkpointed) this.#anchor?.settleAside()
  }
}
