// Decides whose handshake runs next. A handshake takes about a millisecond of the thread that serves all requests,
// and a peer can make it take a hundred times more. So handshakes run piece by piece, in turns over the subnets that
// wait: a thousand handshakes of one subnet delay that of another by one turn. Subnets take turns only with others of
// the same rank. This file keeps order and counts; it knows no sockets and no time.

import type { Rank } from './subnets.ts'

interface Subnet<T> {
  rank: Rank
  /** Handshakes that have not begun, in order of arrival. */
  readonly waiting: Set<T>
  /** Handshakes that have begun and have another piece to do. */
  readonly continuing: Set<T>
  active: number
}

/** The subnets of one rank. */
interface Queues {
  /** Subnets with a handshake to begin or to continue. The next in turn is first. */
  readonly waiting: Set<string>
  readonly continuing: Set<string>
  active: number
}

export interface AdmissionOptions {
  /** Handshakes of a rank that have begun and are not done. */
  readonly activeMax: Readonly<Record<Rank, number>>
  readonly activePerSubnetMax: Readonly<Record<Rank, number>>
  rankOf(subnet: string): Rank
}

export class Admission<T> {
  readonly #options: AdmissionOptions
  readonly #subnets = new Map<string, Subnet<T>>()
  readonly #queues: Readonly<Record<Rank, Queues>> = { known: queues(), new: queues(), costly: queues() }
  #waiting = 0

  constructor(options: AdmissionOptions) {
    this.#options = options
  }

  get active(): number {
    return this.#queues.known.active + this.#queues.new.active + this.#queues.costly.active
  }

  /** Handshakes with something to do, begun or not. */
  get waiting(): number {
    return this.#waiting
  }

  hasWaiting(rank: Rank): boolean {
    const { waiting, continuing } = this.#queues[rank]
    return waiting.size + continuing.size > 0
  }

  enter(subnet: string, item: T): void {
    this.#add('waiting', subnet, item)
  }

  /**
   * Queues the next piece of a handshake that `next` returned before. It already counts as active if it has begun.
   */
  resume(subnet: string, item: T): void {
    this.#add('continuing', subnet, item)
  }

  /** Gives up waiting. Returns false if the item was not waiting. */
  leave(name: string, item: T): boolean {
    const subnet = this.#subnets.get(name)
    if (subnet === undefined || !(subnet.waiting.delete(item) || subnet.continuing.delete(item))) return false
    this.#waiting -= 1
    this.#tidy(name, subnet)
    return true
  }

  /**
   * Returns the next handshake of this rank, or undefined if none may run now. A handshake that had not begun counts
   * as active until `release`. At most activeMax / activePerSubnetMax subnets can be at their bound, so the search is
   * short.
   */
  next(rank: Rank): T | undefined {
    const { waiting, continuing, active } = this.#queues[rank]
    for (const name of continuing) return this.#take('continuing', name)
    if (active >= this.#options.activeMax[rank]) return undefined
    for (const name of waiting) {
      const subnet = this.#subnets.get(name)
      if (subnet === undefined || subnet.active >= this.#options.activePerSubnetMax[rank]) continue
      subnet.active += 1
      this.#queues[rank].active += 1
      return this.#take('waiting', name)
    }
    return undefined
  }

  /** A handshake that `next` returned is done, or waits for its peer. Call it exactly once for each. */
  release(name: string): void {
    const subnet = this.#subnets.get(name)
    if (subnet === undefined || subnet.active === 0) throw new Error('released more than was begun')
    subnet.active -= 1
    this.#queues[subnet.rank].active -= 1
    this.#tidy(name, subnet)
  }

  /**
   * Call it when the rank of a subnet may have changed. Its waiting handshakes go behind the others of the new rank.
   */
  rerank(name: string): void {
    const subnet = this.#subnets.get(name)
    const rank = this.#options.rankOf(name)
    if (subnet === undefined || subnet.rank === rank) return
    const [from, to] = [this.#queues[subnet.rank], this.#queues[rank]]
    subnet.rank = rank
    from.active -= subnet.active
    to.active += subnet.active
    if (from.waiting.delete(name)) to.waiting.add(name)
    if (from.continuing.delete(name)) to.continuing.add(name)
  }

  #add(list: 'waiting' | 'continuing', name: string, item: T): void {
    let subnet = this.#subnets.get(name)
    if (subnet === undefined) {
      subnet = { rank: this.#options.rankOf(name), waiting: new Set(), continuing: new Set(), active: 0 }
      this.#subnets.set(name, subnet)
    } else {
      this.rerank(name)
    }
    subnet[list].add(item)
    this.#waiting += 1
    this.#queues[subnet.rank][list].add(name)
  }

  #take(list: 'waiting' | 'continuing', name: string): T | undefined {
    const subnet = this.#subnets.get(name)
    const [item] = subnet?.[list] ?? []
    if (subnet === undefined || item === undefined) return undefined
    subnet[list].delete(item)
    this.#waiting -= 1
    const queue = this.#queues[subnet.rank][list]
    queue.delete(name)
    if (subnet[list].size > 0) queue.add(name)
    return item
  }

  #tidy(name: string, subnet: Subnet<T>): void {
    const { waiting, continuing } = this.#queues[subnet.rank]
    if (subnet.waiting.size === 0) waiting.delete(name)
    if (subnet.continuing.size === 0) continuing.delete(name)
    if (subnet.waiting.size + subnet.continuing.size + subnet.active === 0) this.#subnets.delete(name)
  }
}

function queues(): Queues {
  return { waiting: new Set(), continuing: new Set(), active: 0 }
}
