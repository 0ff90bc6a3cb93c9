// How a store starts its threads. What is left out starts as a thread; tests run the same code on their own. Types only.

import type { StartAppender } from './access/appender.ts'
import type { StartWriter } from './sqlite/writer-thread.ts'

export interface StoreThreads {
  /** SQLite's writer. */
  readonly startWriter?: StartWriter
  /** Writes the access log. */
  readonly startAppender?: StartAppender
}
