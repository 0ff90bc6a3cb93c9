// The cache rule of design section 5, "Cache and outage", as one pure function: whether a value that a root key
// unwrapped may be used from memory, and whether the root key's service is to be asked. It is the same for data keys and
// for objects that the root key wraps itself. All times are monotonic milliseconds.

import { rootKeyAskAgainMs } from './bounds.ts'

/** The state at the moment when somebody wants a value. */
export interface Known {
  /** The answer that the value in memory came with: when its question was put. Left out: nothing is in memory. */
  readonly answer?: { readonly askedAt: number } | undefined
  /** The last refusal of the root key that unwrapped it. */
  readonly refusal?: Refusal | undefined
  /** Left out while the service answers. `askedAt`: when it was last asked. */
  readonly unreachable?: { readonly askedAt: number } | undefined
  readonly now: number
}

export interface Refusal {
  /** When it came. An answer to a question that was put before counts for nothing. */
  readonly at: number
  /** While it stands: when the service was last asked. Left out once an unwrap succeeded again. */
  readonly askedAt?: number | undefined
}

/** An instance's settings. */
export interface CacheTimes {
  readonly cacheSeconds: number
  readonly outageSeconds: number
}

/**
 * `use`: from memory. `use-and-ask`: from memory, and ask in the background. `ask-or-use`: ask, and use what is in memory
 * if no answer comes. `ask`: nothing in memory may be used. `refuse`: at once, without asking.
 */
export type Decision = 'use' | 'use-and-ask' | 'ask-or-use' | 'ask' | 'refuse'

export function decide(known: Known, { cacheSeconds, outageSeconds }: CacheTimes): Decision {
  const { answer, refusal, unreachable, now } = known
  const isDue = (askedAt: number) => now - askedAt >= rootKeyAskAgainMs
  if (refusal?.askedAt !== undefined) return isDue(refusal.askedAt) ? 'ask' : 'refuse'
  if (!answer || (refusal && answer.askedAt <= refusal.at)) return 'ask'
  const ageMs = now - answer.askedAt
  const mayAsk = !unreachable || isDue(unreachable.askedAt)
  if (ageMs < cacheSeconds * 800) return 'use'
  if (ageMs < cacheSeconds * 1000) return mayAsk ? 'use-and-ask' : 'use'
  if (ageMs >= (cacheSeconds + outageSeconds) * 1000) return 'ask'
  if (!unreachable) return 'ask-or-use'
  return mayAsk ? 'use-and-ask' : 'use'
}
