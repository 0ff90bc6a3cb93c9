// A job whose caller waits, and the ways in which it ends.

import { CryptoError } from './error.ts'
import type { JobName, CryptoLane } from './jobs.ts'
import type { FromPoolThread } from './pool-messages.ts'

export interface WaitingJob {
  readonly name: JobName
  readonly input: unknown
  readonly lane: Exclude<CryptoLane, 'quick'>
  resolve(output: unknown): void
  reject(error: Error): void
}

export function answered(job: WaitingJob, message: FromPoolThread): void {
  switch (message.type) {
    case 'done':
      return job.resolve(message.output)
    case 'refused':
      return job.reject(new CryptoError(message.kind, message.message))
    case 'bug':
      return job.reject(new Error(`${job.name}: ${message.message}`))
    default:
      return message satisfies never
  }
}

export function left(): CryptoError {
  return new CryptoError('left', 'the client did not wait for the answer')
}

export function lost(cause?: unknown): CryptoError {
  return new CryptoError('lost', 'the computation was interrupted: try again', { cause })
}

export function tookTooLong(): CryptoError {
  return new CryptoError('lost', 'the computation took too long: it was given up')
}
