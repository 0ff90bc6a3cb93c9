// The age of this node's last confirmed commit. While it is young, no other node can have used another server in the primary's place:
// a replica that confirmed the commit was not yet a primary then, and nodes wait before they use a replica that was promoted
// (transactions.ts). So a node that is left alone with an old primary stops answering by itself.
//
// Time counts from before the commit was sent. Both clocks must find it young: the monotonic one, which no administrator can
// set, and the wall clock, which also counts the time for which the whole machine was suspended.

import type { Clock } from '../../../core/ports/clock.ts'
import { StoreUnavailable } from '../../../core/ports/store.ts'

/** When a commit was sent. */
export interface Moment {
  readonly monotonicMs: number
  readonly wallMs: number
}

export class Heartbeat {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  readonly leaseMs: number
  #last: Moment | undefined

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>, leaseMs: number) {
    this.#clock = clock
    this.leaseMs = leaseMs
  }

  now(): Moment {
    return { monotonicMs: this.#clock.monotonic(), wallMs: this.#clock.now() }
  }

  /** Call this once the database has answered a commit, and the replicas that must confirm it have done so. `sent`: when it was sent. */
  confirmed(sent: Moment): void {
    if (this.#last === undefined || sent.monotonicMs > this.#last.monotonicMs) this.#last = sent
  }

  isYoung(): boolean {
    return this.ageMs() < this.leaseMs
  }

  ageMs(): number {
    if (this.#last === undefined) return Infinity
    const { monotonicMs, wallMs } = this.now()
    return Math.max(monotonicMs - this.#last.monotonicMs, wallMs - this.#last.wallMs)
  }
}

/** `why`: empty, or a space and a reason in brackets. */
export function silence(ageMs: number, why: string): string {
  const seconds = Math.floor(Math.min(ageMs, 86_400_000) / 1000)
  return `the database has confirmed no commit for ${seconds} s${why}: ${silentHint}`
}

export function silent(reason: string): StoreUnavailable {
  return new StoreUnavailable('unavailable', reason, {
    hint: `The database confirms nothing: ${silentHint}.`,
  })
}

const silentHint =
  'another server may have taken its place, so this node serves nothing. If the primary waits for a replica ' +
  '(synchronous_standby_names), bring the replica back; if it was replaced, let this node reach the new one'
