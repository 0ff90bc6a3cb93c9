// How a store starts its threads. Where a function is left out, the store starts a real thread; tests pass functions that run the
// same code on their own thread.

import type { StartAppender } from './access/appender.ts'
import type { StartWriter } from './sqlite/writer-thread.ts'

export interface StoreThreads {
  /** Starts the thread that writes to SQLite. */
  readonly startWriter?: StartWriter
  /** Starts the thread that writes the access log. */
  readonly startAppender?: StartAppender
}
