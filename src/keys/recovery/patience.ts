// A root key for a restore, which waits while its service does not answer or asks for fewer calls: what was read is not
// read again for that. A no is told at once.

import { setTimeout as sleep } from 'node:timers/promises'
import { limits } from '../../limits.ts'
import type { Clock } from '../../ports/clock.ts'
import { RootKeyError } from '../../ports/root-key.ts'
import type { Shelved } from './reading.ts'

export interface Patience {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly signal: AbortSignal
  /** Why it waits, in words; null: it does not any more. */
  readonly troubled: (why: string | null) => void
}

/** Its calls throw 'unreachable' only after `limits.restorePatienceMs` without any answer. */
export function patientRootKey(rootKey: Shelved, { clock, signal, troubled }: Patience): Shelved {
  const { standardKeys } = rootKey
  let answeredAt = clock.monotonic()
  const answered = () => {
    answeredAt = clock.monotonic()
    troubled(null)
  }
  /** Throws what is no reason to wait. */
  const wait = async (error: unknown, attempt: number): Promise<void> => {
    const isAway = error instanceof RootKeyError && error.reach === 'unreachable'
    if (!isAway || clock.monotonic() - answeredAt > limits.restorePatienceMs) throw error
    troubled(error.message)
    const pauseMs = Math.min(limits.restorePauseMs * 2 ** attempt, limits.restorePauseMsMax)
    await sleep(pauseMs, undefined, { signal })
  }
  const persist = async <T>(call: () => Promise<T>): Promise<T> => {
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await call()
        answered()
        return answer
      } catch (error) {
        await wait(error, attempt)
      }
    }
  }
  return {
    ...rootKey,
    unwrap: (...asked) => persist(() => rootKey.unwrap(...asked)),
    standardKeys: {
      payloadBytesMax: standardKeys.payloadBytesMax,
      create: (...asked) => standardKeys.create(...asked),
      remove: (...asked) => standardKeys.remove(...asked),
      find: (...asked) => standardKeys.find(...asked),
      read: (...asked) => persist(() => standardKeys.read(...asked)),
      /** Begins anew after each wait: some come twice. */
      async *list(...asked) {
        for (let attempt = 0; ; attempt++) {
          try {
            for await (const page of standardKeys.list(...asked)) {
              answered()
              yield page
            }
            return
          } catch (error) {
            await wait(error, attempt)
          }
        }
      },
    },
  }
}
