// Reads a whole SQLite store in one read transaction of a connection of its own, as values of the ports (core/ports/backup.ts).
// It should run on a thread of its own: each page keeps the thread busy. The write-ahead log grows while the dump is open.

import { DatabaseSync } from 'node:sqlite'
import { storeBusyMs } from './bounds.ts'
import type { DumpCounts, DumpedRecord, StoreDump } from '../../../core/ports/backup.ts'
import { StoreUnavailable } from '../../../core/ports/store.ts'
import { dumpCounts, dumpPages } from '../dumps/dump-pages.ts'
import { sqliteText, sqliteTrouble } from './errors.ts'
import { Statements } from './statements.ts'

/** Throws StoreUnavailable. */
export function openSqliteDump(file: string): StoreDump {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { readOnly: true, timeout: storeBusyMs })
    database.exec('PRAGMA trusted_schema = OFF; BEGIN')
    return new SqliteDump(file, database)
  } catch (error) {
    database?.close()
    throw unavailable(file, error)
  }
}

class SqliteDump implements StoreDump {
  readonly counts: DumpCounts
  readonly #file: string
  readonly #database: DatabaseSync
  readonly #statements: Statements

  constructor(file: string, database: DatabaseSync) {
    this.#file = file
    this.#database = database
    this.#statements = new Statements(database)
    this.counts = this.#statements.take(dumpCounts())
  }

  pages(): AsyncIterable<readonly DumpedRecord[]> {
    return dumpPages((steps) => {
      try {
        return this.#statements.take(steps)
      } catch (error) {
        throw unavailable(this.#file, error)
      }
    })
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }
}

function unavailable(file: string, error: unknown): StoreUnavailable {
  const trouble = sqliteTrouble(error)
  const why = trouble === 'busy' || trouble === 'full' ? trouble : 'unavailable'
  return new StoreUnavailable(why, `read all of ${file}: ${sqliteText(error)}`, { cause: error })
}
