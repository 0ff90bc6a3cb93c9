// The messages between the pool and its threads.

import type { CryptoErrorKind } from './error.ts'
import type { JobName } from './jobs.ts'

/** A job. A thread does one at a time. The thread owns the job's byte strings and overwrites them. */
export interface ToPoolThread {
  readonly name: JobName
  readonly input: unknown
}

export type FromPoolThread =
  | { readonly type: 'done'; readonly output: unknown }
  | { readonly type: 'refused'; readonly kind: CryptoErrorKind; readonly message: string }
  /** A bug. The text is for the log. */
  | { readonly type: 'bug'; readonly message: string }

/** The initial values of a thread. */
export interface PoolThreadData {
  /** The thread's priority, in the scale of nice(1). */
  readonly nice: number
}
