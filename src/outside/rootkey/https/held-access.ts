// Access to a service that ends, such as a token: requested once for all calls that wait, renewed in the background before it
// ends, and requested again when the service refuses it, but not after every refusal. Time is monotonic, so that a wrong clock ends nothing.

import { createHash } from 'node:crypto'
import { iamTokenFreshMs } from '../bounds.ts'
import { rootKeyPauseMs } from './bounds.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import { RootKeyError } from '../../../core/ports/root-key.ts'

/** The server renews a token in the background after this part of its life, and at the latest this long before its end. */
const iamTokenRefreshAt = 0.8
const iamTokenSpareMs = 60_000
/** The longest pause between attempts to log in to a service that does not answer them, however many calls wait. */
export const loginPauseMsMax = 1_600
/** How long Mortise does not try an API key again that IAM refused. */
export const iamRefusedKeyMs = 30_000

/** Monotonic milliseconds. */
export interface ServiceAccess {
  readonly refreshFrom: number
  readonly usableUntil: number
}

/** When to replace a token that lives so long: before its end, and from the question on, since an answer may be slow. */
export function tokenTimes(seconds: number, askedAt: number): ServiceAccess {
  const lifeMs = seconds * 1000
  const spareMs = Math.min(iamTokenSpareMs, lifeMs * (1 - iamTokenRefreshAt) * 0.5)
  return { refreshFrom: askedAt + lifeMs * iamTokenRefreshAt, usableUntil: askedAt + lifeMs - spareMs }
}

export class HeldAccess<A extends ServiceAccess> {
  readonly #clock: Pick<Clock, 'monotonic'>
  #held: A | undefined
  #asking: Promise<A> | undefined
  /** When access was last given up because the service refused it. */
  #replacedAt = -Infinity
  /** The secret that the service refused, as a digest. */
  #refused: { readonly secret: string; readonly error: RootKeyError; readonly at: number } | undefined

  /** The service did not answer: how often in a row, and until when no call asks it again. */
  #unanswered: { readonly times: number; readonly error: RootKeyError; readonly until: number } | undefined

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Whether a call has access now, and needs not wait for it. */
  get isUsable(): boolean {
    return this.#held !== undefined && this.#clock.monotonic() < this.#held.usableUntil
  }

  /** Access that will be good for the next call. `renew`: before it ends; left out: requests new access. Throws what these throw. */
  async take(begin: () => Promise<A>, renew: (held: A) => Promise<A> = begin): Promise<A> {
    const now = this.#clock.monotonic()
    const held = this.#held
    if (!held || now >= held.usableUntil) {
      if (this.#unanswered && now < this.#unanswered.until) throw this.#unanswered.error
      return this.#ask(begin)
    }
    if (now >= held.refreshFrom) {
      // Not again for every call while the service is out of reach.
      this.#held = { ...held, refreshFrom: now + iamTokenFreshMs }
      void this.#ask(() => renew(held)).catch(() => undefined)
    }
    return held
  }

  /**
   * The service refused a call. Whether other access is worth a try: what is there, or is asked for, since another call gave up the
   * same one; or new access, which is asked for at most every `iamTokenFreshMs`. `isRefused`: the access of that call.
   */
  giveUp(isRefused: (held: A) => boolean): boolean {
    if (!this.#held || !isRefused(this.#held)) return true
    const now = this.#clock.monotonic()
    if (now - this.#replacedAt < iamTokenFreshMs) return false
    this.#replacedAt = now
    this.#held = undefined
    this.#asking = undefined
    return true
  }

  /** Shows the secret to the service, unless it refused the same one a while ago: then throws the same refusal. */
  async show(secret: string, login: () => Promise<A>): Promise<A> {
    const digest = createHash('sha256').update(secret).digest('base64')
    const known = this.#refused
    if (known?.secret === digest && this.#clock.monotonic() - known.at < iamRefusedKeyMs) throw known.error
    this.#refused = undefined
    try {
      return await login()
    } catch (error) {
      if (error instanceof RootKeyError && error.reach === 'root-key')
        this.#refused = { secret: digest, error, at: this.#clock.monotonic() }
      throw error
    }
  }

  #ask(fetch: () => Promise<A>): Promise<A> {
    if (this.#asking) return this.#asking
    // Access that was given up meanwhile does not come back.
    const counts = () => this.#asking === asking
    const asking = fetch()
      .then((access) => {
        this.#unanswered = undefined
        if (counts()) this.#held = access
        return access
      })
      .catch((error: unknown) => {
        this.#noteUnanswered(error)
        throw error
      })
      .finally(() => {
        if (counts()) this.#asking = undefined
      })
    this.#asking = asking
    return asking
  }

  /** Each call repeats by itself. Without a common pause, many of them would ask a service in trouble all the time. */
  #noteUnanswered(error: unknown): void {
    if (!(error instanceof RootKeyError) || error.reach !== 'unreachable') return
    const times = (this.#unanswered?.times ?? 0) + 1
    const pauseMs = Math.min(rootKeyPauseMs * 2 ** (times - 1), loginPauseMsMax)
    this.#unanswered = { times, error, until: this.#clock.monotonic() + pauseMs }
  }
}
