// The uses of PKCS#11 that clients began with C_Initialize and have not ended. Each has a correlation value, which only its
// client may use. The process that took the request keeps them, bounded in number and time, like tickets.

import { randomBytes } from 'node:crypto'
import type { Clock } from '../ports/clock.ts'
import { isFull } from '../trust/caller.ts'

/** The most uses of PKCS#11: of one client, and in all; and how long an idle one is kept. */
export const pkcs11PerPartyMax = 100
export const pkcs11Max = 10_000
export const pkcs11KeptMs = 3_600_000

interface Use {
  readonly party: string
  /** Monotonic milliseconds. */
  readonly endsAt: number
}

export class Pkcs11Uses {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** The uses that clients began with C_Initialize, by correlation value (hex); the least recently used first. */
  readonly #uses = new Map<string, Use>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Returns the correlation value; undefined at the limit. */
  begin(party: string): Uint8Array | undefined {
    const now = this.#clock.monotonic()
    for (const [id, { endsAt }] of this.#uses) if (endsAt <= now) this.#uses.delete(id)
    const held = [...this.#uses.values()].map((use) => use.party)
    if (isFull(held, party, { partyMax: pkcs11PerPartyMax, max: pkcs11Max })) return undefined
    const value = randomBytes(16)
    this.#keep(value.toString('hex'), party)
    return value
  }

  /** Restarts the use's idle time. Returns false if this client did not begin it, or if it has ended. */
  renew(party: string, value: Uint8Array): boolean {
    const id = Buffer.from(value).toString('hex')
    const use = this.#uses.get(id)
    if (use?.party !== party || use.endsAt <= this.#clock.monotonic()) return false
    this.#keep(id, party)
    return true
  }

  /** Restores a use that this client has just ended. */
  restore(party: string, value: Uint8Array): void {
    this.#keep(Buffer.from(value).toString('hex'), party)
  }

  /** Call only for a use that `renew` kept. */
  end(value: Uint8Array): void {
    this.#uses.delete(Buffer.from(value).toString('hex'))
  }

  #keep(id: string, party: string): void {
    this.#uses.delete(id)
    this.#uses.set(id, { party, endsAt: this.#clock.monotonic() + pkcs11KeptMs })
  }
}
