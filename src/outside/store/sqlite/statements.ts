// Runs the steps of a rule (steps.ts) on one connection of SQLite, which answers at once.

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { statementSql, type QueryAnswer, type Query, type StatementName, type Steps } from '../steps.ts'

/** Prepares each statement when it is first used. Prepared statements live as long as the connection. */
export class Statements {
  readonly #database: DatabaseSync
  readonly #prepared = new Map<StatementName, StatementSync>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** Runs all steps. Throws what SQLite throws, and what the rule throws. */
  take<T>(steps: Steps<T>): T {
    let step = steps.next()
    while (!step.done) step = steps.next(this.#answer(step.value))
    return step.value
  }

  #answer({ name, values, wants }: Query): QueryAnswer {
    const statement = this.#statement(name)
    if (wants === 'row') return statement.get(...values)
    if (wants === 'rows') return statement.all(...values)
    const { changes, lastInsertRowid } = statement.run(...values)
    return Number(wants === 'id' ? lastInsertRowid : changes)
  }

  #statement(name: StatementName): StatementSync {
    let statement = this.#prepared.get(name)
    if (!statement) {
      statement = this.#database.prepare(statementSql[name])
      this.#prepared.set(name, statement)
    }
    return statement
  }
}
