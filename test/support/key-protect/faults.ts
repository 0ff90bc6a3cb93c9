// What can be made to go wrong with the fake, on command: which calls, how often, and how.

import type { ReasonCode } from './refusal.ts'

/** How a call goes wrong. `after`: the work is done all the same. */
export const faultKinds = {
  status: 'answers `status` and does nothing',
  'unknown-key': 'answers 404 KEY_NOT_FOUND_ERR, as a node that does not know a new key yet',
  'status-after': 'does the work, and answers `status` all the same',
  'reset-before': 'cuts the connection and does nothing',
  'reset-after': 'does the work and cuts the connection',
  'reset-late': 'cuts the connection, and does the work `ms` later',
  half: 'does the work and cuts the connection in the middle of the answer',
  slow: 'waits `ms` before it begins',
  'slow-answer': 'does the work, and then takes `ms` for the answer, half of it at once',
  hang: 'never answers',
  garbage: 'answers 200 with something that is no JSON',
  nonsense: 'answers 200 with a ciphertext that holds nothing',
  proxy: 'answers `status` with a web page, as a proxy in between would',
  short: 'lists at most `keys` keys, though more were asked for and are there',
  'short-untold': 'the same, and does not say how many there are',
  'short-mistold': 'the same, and says that there are `total`',
  gateway: 'answers `status` with a line of text, as a load balancer in between would',
  'json-gateway': 'answers `status` with JSON of its own, as an API gateway in between would',
} as const

export type FaultKind = keyof typeof faultKinds

export interface Fault {
  /** A call by its name (`wrap`, `unwrap`, `list`, `token`, …), `*` for all of Key Protect. */
  readonly on: string
  readonly kind: FaultKind
  readonly status?: number
  /** The reason that `status` answers have, with its own status. */
  readonly code?: ReasonCode
  readonly ms?: number
  readonly keys?: number
  readonly total?: number
  /** Seconds, sent as Retry-After. Left out: it is not sent. */
  readonly retryAfter?: number
  /** Calls that go well before. */
  skip?: number
  /** Left out: once. null: until it is taken back. */
  times?: number | null
}

export class Faults {
  #faults: Fault[] = []

  add(fault: Fault): void {
    this.#faults.push({ ...fault })
  }

  clear(): void {
    this.#faults = []
  }

  /** The one that strikes this call, counted off. */
  strike(call: string): Fault | undefined {
    for (const fault of this.#faults) {
      if (fault.on !== call && (fault.on !== '*' || call === 'token')) continue
      if ((fault.skip ?? 0) > 0) {
        fault.skip = (fault.skip ?? 0) - 1
        continue
      }
      const times = fault.times === undefined ? 1 : fault.times
      if (times !== null) {
        if (times <= 0) continue
        fault.times = times - 1
      }
      return fault
    }
    return undefined
  }
}
