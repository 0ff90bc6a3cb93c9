// How a store starts its threads. Each left out function starts a real thread; tests run the same code on their own thread.

import type { StartAppender } from './access/appender.ts'
import type { StartWriter } from './sqlite/writer-thread.ts'

export interface StoreThreads {
  /** SQLite's writer. */
  readonly startWriter?: StartWriter
  /** Starts the thread that writes the access log. */
  readonly startAppender?: StartAppender
}
