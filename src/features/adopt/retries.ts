// Waits for an old server, or Key Protect, that does not answer for a while: time-outs, resets, restarts, rate limits.
// Everything that adoption asks of them only reads, so it may be asked again.

import { KmipRefused, KmipTransportError } from '../../outside/kmip-client/errors.ts'
import { adoptLateMs } from './bounds.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { RootKeyError } from '../../core/ports/root-key.ts'
import { ConcurrencyLimit } from './concurrency-limit.ts'

/** How long an adoption waits for an old server that does not answer, and between two tries. */
export const adoptSilenceMsMax = 15 * 60_000
export const adoptRetryFirstMs = 500
const adoptRetryMaxMs = 30_000
/** How often an object is asked for again whose answer was General Failure. */
export const adoptRefusedTriesMax = 4
/** The bound for an object without an answer, while the server answers for others. */
const adoptUnansweredTriesMax = 6

export interface RetriesOptions {
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>
  readonly signal: AbortSignal
  /** Why it waits at the moment; null: it goes on. */
  readonly onTrouble: (trouble: string | null) => void
  /** How many questions run at once, if the server answers quickly. */
  readonly concurrencyMax: number
}

/** The server that adopts stops. The same adoption, begun again, goes on where this one ended. */
export class AdoptionStopped extends Error {
  override readonly name = 'AdoptionStopped'
}

/** The server answers others, and not this. */
export class NotAnswered extends Error {
  override readonly name = 'NotAnswered'
}

/** The server answers, but late and only with failures. */
export class OnlyFails extends Error {
  override readonly name = 'OnlyFails'
}

export class Retries {
  readonly #options: RetriesOptions
  readonly #limit: ConcurrencyLimit
  /** The time of the first of the failures in a row. undefined: the server answers. */
  #failingSinceMs: number | undefined
  #answers = 0

  constructor(options: RetriesOptions) {
    this.#options = options
    this.#limit = new ConcurrencyLimit(options.concurrencyMax)
  }

  /**
   * Asks until there is an answer. Rejects with what the server refuses for good; with KmipTransportError, OnlyFails,
   * or RootKeyError of Key Protect, once the server has answered no question for `adoptSilenceMsMax`; with NotAnswered; with AdoptionStopped.
   */
  async ask<T>(ask: () => Promise<T>): Promise<T> {
    const { clock, signal, onTrouble } = this.#options
    const answersBefore = this.#answers
    for (let tries = 1; ; tries++) {
      const tried = await this.#try(ask)
      if ('answer' in tried) {
        if (this.#failingSinceMs !== undefined) onTrouble(null)
        this.#failingSinceMs = undefined
        this.#answers++
        return tried.answer
      }
      const { error, stalled } = tried
      if (!this.#mayAskAgain(error, stalled, tries))
        throw stalled ? new OnlyFails(error.message, { cause: error }) : error
      if (tries >= adoptUnansweredTriesMax && this.#answers > answersBefore)
        throw new NotAnswered(`the old server answers others, and not this: ${error.message}`, {
          cause: error,
        })
      onTrouble(error.message)
      const waitMs = Math.min(adoptRetryFirstMs * 2 ** (tries - 1), adoptRetryMaxMs)
      await clock.sleep(waitMs, signal)
    }
  }

  /** `stalled`: the failure came so late that it says nothing about this question, such as after a wait for the server's own database. */
  async #try<T>(
    ask: () => Promise<T>,
  ): Promise<{ readonly answer: T } | { readonly error: Error; readonly stalled: boolean }> {
    const { clock, signal } = this.#options
    await this.#limit.enter()
    const begunMs = clock.monotonic()
    let ok = true
    try {
      if (signal.aborted) throw new AdoptionStopped('the server stops')
      return { answer: await ask() }
    } catch (error) {
      if (!(error instanceof Error)) throw error
      ok = !isTrouble(error)
      const isLate = clock.monotonic() - begunMs >= adoptLateMs
      return { error, stalled: isLate && error instanceof KmipRefused && isPassing(error) }
    } finally {
      this.#limit.leave({ ok, tookMs: clock.monotonic() - begunMs })
    }
  }

  #mayAskAgain(error: Error, stalled: boolean, tries: number): boolean {
    if (!isTrouble(error)) return false
    if (error instanceof KmipRefused && !stalled) return tries < adoptRefusedTriesMax
    const nowMs = this.#options.clock.monotonic()
    this.#failingSinceMs ??= nowMs
    return nowMs - this.#failingSinceMs < adoptSilenceMsMax
  }
}

/** Whether the same question may get an answer later. */
function isTrouble(error: Error): boolean {
  if (error instanceof KmipRefused) return isPassing(error)
  if (error instanceof RootKeyError) return error.reach === 'unreachable'
  return !isLasting(error)
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
