// Prepares a transaction before its rules run: it sends their queries ahead, and reserves ids for the rows that they will add. So a
// rule that reads and adds one thing after the other waits for the network only once.

import type { QueryResult } from 'pg'
import type { Row } from '../row.ts'
import type { Query, StatementName } from '../steps.ts'

export type Send = (query: Query) => Promise<QueryResult<Row>>

export class Ahead {
  readonly #answers = new Map<string, Promise<QueryResult<Row>>>()
  readonly #ids = new Map<StatementName, number[]>()

  /** Sends all these queries at once, except those that were sent before. */
  ask(queries: readonly Query[], send: Send): void {
    for (const query of queries) {
      const name = nameOf(query)
      if (!this.#answers.has(name)) this.#answers.set(name, send(query))
    }
  }

  answer(query: Query): Promise<QueryResult<Row>> | undefined {
    return this.#answers.get(nameOf(query))
  }

  /** The transaction calls this after a change: the change may have changed the rows that these queries read. */
  forget(queries: readonly Query[]): void {
    for (const query of queries) this.#answers.delete(nameOf(query))
  }

  forgetAll(): void {
    this.#answers.clear()
  }

  /** `ids`: in the order in which `takeId` returns them. */
  addIds(statement: StatementName, ids: readonly number[]): void {
    this.#ids.set(statement, [...ids])
  }

  /** The next reserved id; undefined: none is left, and the database chooses the id. */
  takeId(statement: StatementName): number | undefined {
    return this.#ids.get(statement)?.shift()
  }
}

function nameOf({ name, values }: Query): string {
  return [name, ...values].join('\n')
}
