// Decides who may ask the old server, and whose question is next: clients take turns, and a client that asks for too many
// unknown identifiers must wait. So one client that tries random identifiers keeps no other client from its keys.

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

interface Left {
  readonly count: number
  readonly atMs: number
}

/** How often each of several parties may still do something. It fills up again with time. */
export class Allowance {
  readonly #now: () => number
  readonly #options: { readonly max: number; readonly perSecond: number; readonly partiesMax: number }
  /** Only parties that spent some, the one that did so last at the end. */
  readonly #left = new Map<string, Left>()

  /** `now`: monotonic milliseconds. */
  constructor(
    now: () => number,
    options: { readonly max: number; readonly perSecond: number; readonly partiesMax: number },
  ) {
    this.#now = now
    this.#options = options
  }

  isSpent(party: string): boolean {
    return this.#leftOf(party) < 1
  }

  spend(party: string): void {
    const count = this.#leftOf(party) - 1
    remember(this.#left, party, { count, atMs: this.#now() }, this.#options.partiesMax)
  }

  #leftOf(party: string): number {
    const { max, perSecond } = this.#options
    const left = this.#left.get(party)
    if (!left) return max
    return Math.min(max, left.count + ((this.#now() - left.atMs) / 1000) * perSecond)
  }
}
