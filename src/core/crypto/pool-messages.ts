// The messages between the two sides of the pool.

import type { CryptoErrorKind } from './error.ts'
import type { JobName } from './jobs.ts'

/** One job at a time. Its byte strings are the thread's, which overwrites them. */
export interface ToPoolThread {
  readonly name: JobName
  readonly input: unknown
}

export type FromPoolThread =
  | { readonly type: 'done'; readonly output: unknown }
  | { readonly type: 'refused'; readonly kind: CryptoErrorKind; readonly message: string }
  /** A bug. The text is for the log. */
  | { readonly type: 'bug'; readonly message: string }

/** The facts with which a thread begins. */
export interface PoolThreadData {
  /** Its priority, as nice(1) counts. */
  readonly nice: number
}
