// The embedded store: it reads on a read-only connection of this thread, and writes through the writer's thread. Each statement of a
// read sees one moment, and that moment is after every commit that was answered before.

import type { KeyObject } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import type { AnchorUse } from '../../../core/ports/anchor.ts'
import { StoreUnavailable, type Change } from '../../../core/ports/store.ts'
import { accessFileOf, anchorFileOf } from '../data-folder.ts'
import { DatabaseStore, type DatabaseStoreOptions } from '../database-store.ts'
import type { DecidingReads } from '../expected.ts'
import { ReadMemory } from './read-memory.ts'
import { sqliteText, sqliteTrouble } from './errors.ts'
import { Statements } from './statements.ts'
import type { Steps } from '../steps.ts'
import type { WriterThread } from './writer-thread.ts'

/** How long a read waits for a lock. While it waits, it blocks the thread that serves requests. */
const storeReadBusyMs = 50

interface SqliteStoreOptions extends Pick<
  DatabaseStoreOptions,
  'writer' | 'clock' | 'onTrouble' | 'onCommit' | 'threads'
> {
  readonly file: string
  readonly thread: WriterThread
}

export class SqliteStore extends DatabaseStore {
  readonly #file: string
  readonly #thread: WriterThread
  readonly #database: DatabaseSync
  readonly #statements: Statements
  readonly #memory: ReadMemory
  protected readonly deciding: DecidingReads = {
    trustVersion: () => this.#guard(() => this.#memory.trustVersion()),
    object: (...object) => this.#guard(() => this.#memory.object(...object)),
    check: (expected) => this.#guard(() => this.#memory.check(expected)),
  }

  /** `thread` must have the file open already. Throws what SQLite or the system throws. */
  constructor(options: SqliteStoreOptions) {
    const { file, thread } = options
    super({
      ...options,
      node: null,
      accessName: 'access_moved',
      accessFile: accessFileOf(file),
      anchorFile: anchorFileOf(file),
    })
    this.#file = file
    this.#thread = thread
    this.#database = new DatabaseSync(file, { readOnly: true, timeout: storeReadBusyMs })
    this.#database.exec('PRAGMA cache_size = -16384; PRAGMA trusted_schema = OFF')
    this.#statements = new Statements(this.#database)
    this.#memory = new ReadMemory(file, this.#statements)
    thread.onAnswer = () => this.#memory.lookAgain()
  }

  anchor(key: KeyObject, how: AnchorUse) {
    return this.#thread.anchor(key, how)
  }

  openMarks(key: KeyObject) {
    this.#memory.markKey = key
    this.#thread.openMarks(key)
  }

  protected writeHealth() {
    return this.#thread.health
  }

  protected write(change: Change) {
    return this.#thread.commit(change)
  }

  protected async end() {
    // The writer's connection must be the last to close: SQLite then moves the write-ahead log into the database.
    if (this.#database.isOpen) {
      this.#memory.close()
      this.#database.close()
    }
    await this.#thread.close()
  }

  protected read<T>(steps: Steps<T>): T {
    return this.#guard(() => this.#statements.take(steps))
  }

  #guard<T>(work: () => T): T {
    if (!this.#database.isOpen) throw new StoreUnavailable('unavailable', 'the store is closed')
    try {
      return work()
    } catch (error) {
      const trouble = sqliteTrouble(error)
      if (trouble === null) throw error
      const why = trouble === 'busy' || trouble === 'full' ? trouble : 'unavailable'
      throw new StoreUnavailable(why, `read ${this.#file}: ${sqliteText(error)}`, { cause: error })
    }
  }
}
