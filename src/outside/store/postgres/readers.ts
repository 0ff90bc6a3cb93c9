// The connections that read. Requests use them in turn. A new connection replaces one that has ended, for example because PostgreSQL or
// a pooler ends idle connections. If no new one can be opened, for example because PostgreSQL has no room for more, fewer of them read.

import type { Clock } from '../../../core/ports/clock.ts'
import { StoreUnavailable } from '../../../core/ports/store.ts'
import { postgresAgainMsMax } from './bounds.ts'
import type { PostgresSession } from './session.ts'

/** Connections of one process that read from PostgreSQL; one more writes, and a backup has its own. */
export const postgresReaders = 4

interface Reader {
  readonly opening: Promise<PostgresSession>
  /** The connection, once it is open. */
  session?: PostgresSession
}

export interface ReadersOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly open: () => Promise<PostgresSession>
  /** Called when there is no connection and none could be opened. */
  readonly onNone: () => void
}

export class Readers {
  readonly #options: ReadersOptions
  #readers: readonly Reader[] = []
  #next = 0
  /** The time, in monotonic milliseconds, before which no further connection is tried beside the present ones. */
  #moreMs = -Infinity

  constructor(options: ReadersOptions) {
    this.#options = options
  }

  /** Rejects as `open` does if there is no connection. */
  async next(): Promise<PostgresSession> {
    this.#readers = this.#readers.filter(({ session }) => session?.ended === undefined)
    const { length } = this.#readers
    const mayAdd = length < postgresReaders && this.#options.clock.monotonic() >= this.#moreMs
    if (length === 0 || mayAdd) this.#add()
    const reader = this.#readers[this.#next++ % this.#readers.length]
    if (!reader) throw new StoreUnavailable('unavailable', 'no connection to the database')
    try {
      return await reader.opening
    } catch (error) {
      if (this.#readers.length === 0) throw error
      return this.next()
    }
  }

  #add(): void {
    const reader: Reader = { opening: this.#options.open() }
    this.#readers = [...this.#readers, reader]
    reader.opening.then(
      (session) => (reader.session = session),
      () => {
        if (!this.#readers.includes(reader)) return
        this.#readers = this.#readers.filter((one) => one !== reader)
        this.#moreMs = this.#options.clock.monotonic() + postgresAgainMsMax
        if (this.#readers.length === 0) this.#options.onNone()
      },
    )
  }

  /** Ends all connections at once, without waiting for answers. */
  drop(): void {
    for (const { opening } of this.#take()) opening.then((session) => session.drop()).catch(() => undefined)
  }

  /** Ends all connections after the statements that were sent. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#take().map(async ({ opening }) => (await opening).end()))
  }

  #take(): readonly Reader[] {
    const readers = this.#readers
    this.#readers = []
    return readers
  }
}
