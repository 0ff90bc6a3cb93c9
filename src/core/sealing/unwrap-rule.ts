// The cache rule of design section 5, "Cache and outage", as one pure function: whether a value that a root key unwrapped may be
// used from memory, and whether to ask the root key's service. The rule is the same for data keys and for objects that the root
// key wraps itself. All times are monotonic milliseconds.

import { rootKeyAskAgainMs } from './bounds.ts'

/** The facts at the time of a request for a value. */
export interface UnwrapFacts {
  /** When the question began whose answer is in memory. Absent: nothing is in memory. */
  readonly answer?: { readonly askedAt: number } | undefined
  /** The last refusal of the root key that unwrapped the value. */
  readonly refusal?: UnwrapRefusal | undefined
  /** Absent while the service answers. `askedAt`: when it was last asked. */
  readonly unreachable?: { readonly askedAt: number } | undefined
  readonly now: number
}

export interface UnwrapRefusal {
  /** When the refusal came. Answers to earlier questions do not count. */
  readonly at: number
  /** While the refusal stands: when the service was last asked. Absent after an unwrap succeeded again. */
  readonly askedAt?: number | undefined
}

/** An instance's settings. */
export interface CacheTimes {
  readonly cacheSeconds: number
  readonly outageSeconds: number
}

/**
 * `use`: the value in memory. `use-and-ask`: the value in memory, and ask in the background. `ask-or-use`: ask, and use the value
 * in memory if no answer comes. `ask`: no value in memory may be used. `refuse`: at once, without asking.
 */
export type Decision = 'use' | 'use-and-ask' | 'ask-or-use' | 'ask' | 'refuse'

export function decide(known: UnwrapFacts, { cacheSeconds, outageSeconds }: CacheTimes): Decision {
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
