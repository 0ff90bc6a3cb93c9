// A transaction knows this before its rules ask: answers that are on their way, and ids for the rows that it will add. So a rule that
// asks and adds one thing after the other waits for the network once.

import type { QueryResult } from 'pg'
import type { Row } from '../row.ts'
import type { Query, StatementName } from '../steps.ts'

export type Send = (query: Query) => Promise<QueryResult<Row>>

export class Ahead {
  readonly #answers = new Map<string, Promise<QueryResult<Row>>>()
  readonly #ids = new Map<StatementName, number[]>()

  /** Sends all of these at once, but for those that were sent before. */
  ask(queries: readonly Query[], send: Send): void {
    for (const query of queries) {
      const name = nameOf(query)
      if (!this.#answers.has(name)) this.#answers.set(name, send(query))
    }
  }

  answer(query: Query): Promise<QueryResult<Row>> | undefined {
    return this.#answers.get(nameOf(query))
  }

  /** Another commit may have changed the rows that these queries read. */
  forget(queries: readonly Query[]): void {
    for (const query of queries) this.#answers.delete(nameOf(query))
  }

  forgetAll(): void {
    this.#answers.clear()
  }

  /** In the order in which they are to be given. */
  addIds(statement: StatementName, ids: readonly number[]): void {
    this.#ids.set(statement, [...ids])
  }

  /** undefined: the database gives one. */
  takeId(statement: StatementName): number | undefined {
    return this.#ids.get(statement)?.shift()
  }
}

function nameOf({ name, values }: Query): string {
  return [name, ...values].join('\n')
}
