// A root key for a restore, which waits while its service does not answer or asks for fewer calls: what was read is not
// read again for that. A refusal is reported at once.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../core/ports/clock.ts'
import { RootKeyError } from '../../core/ports/root-key.ts'
import type { WithStandardKeys } from './reading.ts'

/** How long a restore waits for a service that does not answer, and its pauses between attempts. */
export const restoreSilenceMsMax = 5 * 60_000
const restorePauseMs = 500
const restorePauseMsMax = 10_000

export interface RetryOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly signal: AbortSignal
  /** Why it waits, in words; null: it does not any more. */
  readonly onTrouble: (why: string | null) => void
}

/** Its calls throw 'unreachable' only after `restoreSilenceMsMax` without any answer, since they were begun. */
export function retryingRootKey(
  rootKey: WithStandardKeys,
  { clock, signal, onTrouble }: RetryOptions,
): WithStandardKeys {
  const { standardKeys } = rootKey
  let answeredAt = -Infinity
  const answered = () => {
    answeredAt = clock.monotonic()
    onTrouble(null)
  }
  /** Throws what is no reason to wait. Nobody may have asked for anything for long, while another root key was read. */
  const wait = async (error: unknown, attempt: number, askedAt: number): Promise<void> => {
    const isAway = error instanceof RootKeyError && error.reach === 'unreachable'
    const silentMs = clock.monotonic() - Math.max(answeredAt, askedAt)
    if (!isAway || silentMs > restoreSilenceMsMax) throw error
    onTrouble(error.message)
    const pauseMs = Math.min(restorePauseMs * 2 ** attempt, restorePauseMsMax)
    await sleep(pauseMs, undefined, { signal })
  }
  const retry = async <T>(call: () => Promise<T>): Promise<T> => {
    const askedAt = clock.monotonic()
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await call()
        answered()
        return answer
      } catch (error) {
        await wait(error, attempt, askedAt)
      }
    }
  }
  return {
    ...rootKey,
    unwrap: (...asked) => retry(() => rootKey.unwrap(...asked)),
    standardKeys: {
      payloadBytesMax: standardKeys.payloadBytesMax,
      create: (...asked) => standardKeys.create(...asked),
      remove: (...asked) => standardKeys.remove(...asked),
      find: (...asked) => standardKeys.find(...asked),
      read: (...asked) => retry(() => standardKeys.read(...asked)),
      /** Begins anew after each wait: some come twice. */
      async *list(...asked) {
        const askedAt = clock.monotonic()
        for (let attempt = 0; ; attempt++) {
          try {
            for await (const page of standardKeys.list(...asked)) {
              answered()
              yield page
            }
            return
          } catch (error) {
            await wait(error, attempt, askedAt)
          }
        }
      },
    },
  }
}
