// The records of a backup one after the other, with a look at the next one: for readers of its parts, which come in a fixed order
// (core/ports/backup.ts).

import type { DumpedRecord, DumpedType, DumpedTypes } from '../ports/backup.ts'

export class RecordStream {
  readonly #pages: AsyncIterator<readonly DumpedRecord[]>
  #page: readonly DumpedRecord[] = []
  #at = 0

  constructor(pages: AsyncIterable<readonly DumpedRecord[]>) {
    this.#pages = pages[Symbol.asyncIterator]()
  }

  /** The records of this type, if they are next. */
  async *take<T extends DumpedType>(type: T): AsyncGenerator<DumpedTypes[T]> {
    for (let next = await this.#next(); next?.type === type; next = await this.#next()) {
      this.#at += 1
      yield next.value as DumpedTypes[T]
    }
  }

  async all<T extends DumpedType>(type: T): Promise<DumpedTypes[T][]> {
    const rows: DumpedTypes[T][] = []
    for await (const value of this.take(type)) rows.push(value)
    return rows
  }

  /** Whether every record was taken. */
  async ended(): Promise<boolean> {
    return (await this.#next()) === undefined
  }

  /** Ends the reading, even before the last record. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pages.return?.()
  }

  async #next(): Promise<DumpedRecord | undefined> {
    while (this.#at >= this.#page.length) {
      const page = await this.#pages.next()
      if (page.done === true) return undefined
      this.#page = page.value
      this.#at = 0
    }
    return this.#page[this.#at]
  }
}
