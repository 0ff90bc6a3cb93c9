// The connections that read, in turn. Another one replaces one that has ended, as where PostgreSQL or a pooler ends
// connections that were idle for a while. Where another one cannot be opened, as where PostgreSQL has no room for more, fewer of them read.

import type { Clock } from '../../../core/ports/clock.ts'
import { StoreUnavailable } from '../../../core/ports/store.ts'
import { postgresAgainMsMax } from './bounds.ts'
import type { PostgresSession } from './session.ts'

/** Connections of one process that read from PostgreSQL; one more writes, and a backup has its own. */
export const postgresReaders = 4

interface Reader {
  readonly opening: Promise<PostgresSession>
  /** Once it is open. */
  session?: PostgresSession
}

export interface ReadersOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly open: () => Promise<PostgresSession>
  /** There was none, and none could be opened. */
  readonly onNone: () => void
}

export class Readers {
  readonly #options: ReadersOptions
  #readers: readonly Reader[] = []
  #next = 0
  /** Monotonic milliseconds from which on another one is tried beside those that there are. */
  #moreMs = -Infinity

  constructor(options: ReadersOptions) {
    this.#options = options
  }

  /** Rejects as `open` does if there is none. */
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

  /** Ends them at once, whatever is on its way. */
  drop(): void {
    for (const { opening } of this.#take()) opening.then((session) => session.drop()).catch(() => undefined)
  }

  /** After what was sent. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#take().map(async ({ opening }) => (await opening).end()))
  }

  #take(): readonly Reader[] {
    const readers = this.#readers
    this.#readers = []
    return readers
  }
}
