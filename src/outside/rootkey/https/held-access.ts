// Holds access to a service that expires, such as a token. HeldAccess requests it once for all calls that wait, renews it in the
// background before it expires, and requests it again when the service refuses it, but not after every refusal. It uses monotonic time,
// so that a wrong clock cannot expire a token.

import { createHash } from 'node:crypto'
import { iamTokenFreshMs } from '../bounds.ts'
import { rootKeyPauseMs } from './bounds.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import { RootKeyError } from '../../../core/ports/root-key.ts'

/** After this part of a token's life Mortise renews it in the background. */
const iamTokenRefreshAt = 0.8
/** This long before a token's end Mortise stops using it. For a token that lives less than ten minutes it is a tenth of its life. */
const iamTokenSpareMs = 60_000
/** The longest pause between attempts to log in to a service that does not answer them, however many calls wait. */
export const loginPauseMsMax = 1_600
/** How long Mortise does not send an API key or another credential again that the service refused. */
export const iamRefusedKeyMs = 30_000

/** From when Mortise renews access in the background, and until when calls use it. Both in monotonic milliseconds. */
export interface ServiceAccess {
  readonly refreshFrom: number
  readonly usableUntil: number
}

/** The times of a token that lives for `seconds`. They count from the request for it (`askedAt`), since the answer may be slow. */
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
  /** The last refusal of a credential. `secret`: the digest of that credential. */
  #refused: { readonly secret: string; readonly error: RootKeyError; readonly at: number } | undefined

  /** How often in a row the service did not answer, and until when no call asks it again. */
  #unanswered: { readonly times: number; readonly error: RootKeyError; readonly until: number } | undefined

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Whether there is access that a call can use at once. */
  get isUsable(): boolean {
    return this.#held !== undefined && this.#clock.monotonic() < this.#held.usableUntil
  }

  /**
   * Access for the next call. `begin` requests it where there is none; `renew` replaces it in the background before it expires, and is
   * `begin` if left out. Throws what `begin` throws, and throws it again without a request while the pause after it lasts
   * (#noteUnanswered). Errors of `renew` are not thrown.
   */
  async take(begin: () => Promise<A>, renew: (held: A) => Promise<A> = begin): Promise<A> {
    const now = this.#clock.monotonic()
    const held = this.#held
    if (!held || now >= held.usableUntil) {
      if (this.#unanswered && now < this.#unanswered.until) throw this.#unanswered.error
      return this.#ask(begin)
    }
    if (now >= held.refreshFrom) {
      // Puts the next renewal off, so that not every call begins one while the service is out of reach.
      this.#held = { ...held, refreshFrom: now + iamTokenFreshMs }
      void this.#ask(() => renew(held)).catch(() => undefined)
    }
    return held
  }

  /**
   * For a call that the service refused. `isRefused` tells whether the held access is the one that the call used. Returns whether another
   * try is worth it: with the access that replaced the refused one, because another call gave that up already, or with new access. Mortise
   * gives up access at most every `iamTokenFreshMs`.
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

  /**
   * Calls `login`, which shows the secret to the service. If the service refused the same secret less than `iamRefusedKeyMs` ago, throws
   * that refusal again instead.
   */
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
    // False once giveUp has dropped this request: its access is given up and must not come back.
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

  /** Sets a pause for all calls together. Each call repeats by itself, and many calls would ask a service in trouble all the time. */
  #noteUnanswered(error: unknown): void {
    if (!(error instanceof RootKeyError) || error.reach !== 'unreachable') return
    const times = (this.#unanswered?.times ?? 0) + 1
    const pauseMs = Math.min(rootKeyPauseMs * 2 ** (times - 1), loginPauseMsMax)
    this.#unanswered = { times, error, until: this.#clock.monotonic() + pauseMs }
  }
}
