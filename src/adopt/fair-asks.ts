// Decides who may ask the old server, and whose question is next: clients take turns, and a client that asks for too many
// identifiers that nobody knows must wait. So one client that tries random identifiers keeps nobody else from their keys.

import { limits } from '../limits.ts'
import { remember } from './remember.ts'

/** A queue in which the clients take turns. */
export class TurnQueue<T> {
  /** In the order of their turns. */
  readonly #byClient = new Map<string, T[]>()

  enter(client: string, item: T): void {
    const own = this.#byClient.get(client)
    if (own) own.push(item)
    else this.#byClient.set(client, [item])
  }

  next(): T | undefined {
    const [first] = this.#byClient
    if (!first) return undefined
    const [client, items] = first
    const item = items.shift()
    this.#byClient.delete(client)
    if (items.length > 0) this.#byClient.set(client, items)
    return item
  }
}

interface Allowance {
  left: number
  atMs: number
}

/** How many identifiers that the old server does not know each client may still ask for. It fills up again with time. */
export class MissAllowance {
  readonly #now: () => number
  /** Only clients that missed, the one that missed last at the end. */
  readonly #clients = new Map<string, Allowance>()

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  isSpent(client: string): boolean {
    const allowance = this.#clients.get(client)
    return allowance !== undefined && this.#left(allowance) < 1
  }

  spend(client: string): void {
    const before = this.#clients.get(client)
    const left = (before ? this.#left(before) : limits.upstreamMissesMax) - 1
    remember(this.#clients, client, { left, atMs: this.#now() }, limits.upstreamMissingClientsMax)
  }

  #left({ left, atMs }: Allowance): number {
    const gained = ((this.#now() - atMs) / 1000) * limits.upstreamMissesPerSecond
    return Math.min(limits.upstreamMissesMax, left + gained)
  }
}
