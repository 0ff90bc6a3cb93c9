// Decides which of several addresses comes next: round robin, with recently failed addresses last.

import { clientRestMs } from '../../base/bounds.ts'
import type { Address } from '../../base/kmip-address.ts'

export class Nodes {
  readonly #addresses: readonly Address[]
  readonly #restMs: number
  readonly #now: () => number
  /** By address that failed: the monotonic milliseconds until which it comes last. */
  readonly #restsUntilMs = new Map<Address, number>()
  #next = 0

  /** `now`: monotonic milliseconds. */
  constructor(
    addresses: readonly Address[],
    restMs: number = clientRestMs,
    now: () => number = performance.now.bind(performance),
  ) {
    if (addresses.length === 0) throw new TypeError('at least one address is needed')
    this.#addresses = [...addresses]
    this.#restMs = restMs
    this.#now = now
  }

  get count(): number {
    return this.#addresses.length
  }

  /** All addresses, in the order for one piece of work. Each call begins with the next address. */
  order(): readonly Address[] {
    const first = this.#next
    this.#next = (first + 1) % this.#addresses.length
    const turned = [...this.#addresses.slice(first), ...this.#addresses.slice(0, first)]
    const nowMs = this.#now()
    const rests = (address: Address): boolean => (this.#restsUntilMs.get(address) ?? 0) > nowMs
    return [...turned.filter((address) => !rests(address)), ...turned.filter(rests)]
  }

  failed(address: Address): void {
    this.#restsUntilMs.set(address, this.#now() + this.#restMs)
  }

  worked(address: Address): void {
    this.#restsUntilMs.delete(address)
  }
}
