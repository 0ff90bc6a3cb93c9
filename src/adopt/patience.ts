// Waits for an old server, or Key Protect, that does not answer for a while: time-outs, resets, restarts, rate limits.
// Everything that adoption asks of them only reads, so it may be asked again.

import { KmipRefused, KmipTransportError } from '../kmip-client/errors.ts'
import { limits } from '../limits.ts'
import type { Clock } from '../ports/clock.ts'
import { RootKeyError } from '../ports/root-key.ts'

export interface PatienceOptions {
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>
  readonly signal: AbortSignal
  /** Why it waits at the moment; null: it goes on. */
  readonly onTrouble: (trouble: string | null) => void
}

/** The server that adopts stops. The same adoption, begun again, goes on where this one ended. */
export class AdoptionStopped extends Error {
  override readonly name = 'AdoptionStopped'
}

/** The server answers others, and not this. */
export class NotAnswered extends Error {
  override readonly name = 'NotAnswered'
}

export class Patience {
  readonly #options: PatienceOptions
  /** When the first of the failures in a row came; undefined: the server answers. */
  #failingSinceMs: number | undefined
  #answers = 0

  constructor(options: PatienceOptions) {
    this.#options = options
  }

  /**
   * The answer, however often it must be asked for. Rejects with what the server refuses for good; with
   * KmipTransportError, or RootKeyError of Key Protect, once it has not answered anybody for `limits.adoptPatienceMs`; with
   * NotAnswered; with AdoptionStopped.
   */
  async ask<T>(ask: () => Promise<T>): Promise<T> {
    const { clock, signal, onTrouble } = this.#options
    const answersBefore = this.#answers
    for (let tries = 1; ; tries++) {
      if (signal.aborted) throw new AdoptionStopped('the server stops')
      try {
        const answer = await ask()
        if (this.#failingSinceMs !== undefined) onTrouble(null)
        this.#failingSinceMs = undefined
        this.#answers++
        return answer
      } catch (error) {
        if (!(error instanceof Error) || !this.#mayAskAgain(error, tries)) throw error
        if (tries >= limits.adoptUnansweredTriesMax && this.#answers > answersBefore)
          throw new NotAnswered(`the old server answers others, and not this: ${error.message}`, {
            cause: error,
          })
        onTrouble(error.message)
        const waitMs = Math.min(limits.adoptRetryFirstMs * 2 ** (tries - 1), limits.adoptRetryMaxMs)
        await clock.sleep(waitMs, signal)
      }
    }
  }

  #mayAskAgain(error: Error, tries: number): boolean {
    if (error instanceof KmipRefused) return isPassing(error) && tries < limits.adoptRefusedTriesMax
    if (error instanceof RootKeyError ? error.reach !== 'unreachable' : isLasting(error)) return false
    const nowMs = this.#options.clock.monotonic()
    this.#failingSinceMs ??= nowMs
    return nowMs - this.#failingSinceMs < limits.adoptPatienceMs
  }
}

/** An overloaded server refuses without a better reason. */
export function isPassing({ reason, status }: KmipRefused): boolean {
  return status === 'OperationFailed' && (reason === undefined || reason === 'GeneralFailure')
}

/** Asking again gives the same: another server, or an answer that cannot be read. */
function isLasting(error: Error): boolean {
  if (!(error instanceof KmipTransportError)) return true
  const { stage, code } = error
  return stage === 'protocol' || code === 'WRONG_CERTIFICATE' || (code?.startsWith('ERR_TLS_') ?? false)
}
