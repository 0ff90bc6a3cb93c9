// The order of handshakes, of both doors. A handshake takes about a millisecond of the thread that serves all requests, and a peer
// can make it take a hundred times more. So handshakes run piece by piece, in turns over the subnets that wait: a thousand
// handshakes of one subnet delay that of another by one turn. Subnets take turns only with others of their rank; a rank of
// strangers has only a share of the thread's time. For a while accepting goes first: a flood must not keep newcomers in the
// kernel's queue, where no turns are taken. When a handshake runs beside requests, turns.ts decides. This file keeps order and
// counts; it knows no sockets and no time.

import type { Rank } from './subnets.ts'

export const ranks = ['known', 'new', 'costly'] as const satisfies readonly Rank[]
export type StrangerRank = Exclude<Rank, 'known'>

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

export interface ArrivalsOptions {
  /** Handshakes of a rank that have begun and are not done. */
  readonly activeMax: Readonly<Record<Rank, number>>
  readonly activePerSubnetMax: Readonly<Record<Rank, number>>
  /** The shares of the strangers. */
  readonly credit: Readonly<Record<StrangerRank, { waitMs(): number }>>
  /** Connections that are accepted before the next handshake, while more come. */
  readonly acceptsPerTurnMax: number
}

export class Arrivals<T> {
  readonly #options: ArrivalsOptions
  readonly #subnets = new Map<string, Subnet<T>>()
  readonly #queues: Readonly<Record<Rank, Queues>> = { known: queues(), new: queues(), costly: queues() }
  #waiting = 0
  #acceptedSince = 0
  #givenWayTo = 0
  /** Whether this round still has a turn for a handshake. */
  #hasTurn = true
  /** Called when another handshake may be able to run. */
  onChange: () => void = () => {}

  constructor(options: ArrivalsOptions) {
    this.#options = options
  }

  get active(): number {
    return this.#queues.known.active + this.#queues.new.active + this.#queues.costly.active
  }

  /** Handshakes with something to do, begun or not. */
  get waiting(): number {
    return this.#waiting
  }

  /** A connection was accepted, whatever becomes of it. */
  accepted(): void {
    this.#acceptedSince += 1
  }

  /** Queues a handshake. From its turn on it counts as active until `release`. */
  enter(subnet: string, rank: Rank, item: T): void {
    this.#add('waiting', subnet, rank, item)
  }

  /** Queues the next piece of a handshake that has had a turn. */
  resume(subnet: string, rank: Rank, item: T): void {
    this.#add('continuing', subnet, rank, item)
  }

  /** Gives up waiting. Returns false if the item was not waiting. */
  leave(name: string, item: T): boolean {
    const subnet = this.#subnets.get(name)
    if (subnet === undefined || !(subnet.waiting.delete(item) || subnet.continuing.delete(item))) return false
    this.#waiting -= 1
    this.#tidy(name, subnet)
    return true
  }

  /** A handshake that had its turn is done, or waits for its peer. Call it exactly once for each. */
  release(name: string): void {
    const subnet = this.#subnets.get(name)
    if (subnet === undefined || subnet.active === 0) throw new Error('released more than was begun')
    subnet.active -= 1
    this.#queues[subnet.rank].active -= 1
    this.#tidy(name, subnet)
    this.onChange()
  }

  /** Call it when the rank of a subnet may have changed. Its waiting handshakes go behind the others of the new rank. */
  rerank(name: string, rank: Rank): void {
    const subnet = this.#subnets.get(name)
    if (subnet === undefined || subnet.rank === rank) return
    const [from, to] = [this.#queues[subnet.rank], this.#queues[rank]]
    subnet.rank = rank
    from.active -= subnet.active
    to.active += subnet.active
    if (from.waiting.delete(name)) to.waiting.add(name)
    if (from.continuing.delete(name)) to.continuing.add(name)
    this.onChange()
  }

  /** A round of the event loop has one turn for a handshake, or none while connections are accepted. */
  beginRound(): void {
    const accepted = this.#acceptedSince
    this.#acceptedSince = 0
    this.#hasTurn = accepted === 0 || this.#givenWayTo >= this.#options.acceptsPerTurnMax
    this.#givenWayTo = this.#hasTurn ? 0 : this.#givenWayTo + accepted
  }

  /** Whether a handshake of the rank may run now. */
  isReady(rank: Rank): boolean {
    return this.#hasTurn && this.#mayRun(rank) && this.#creditWaitMs(rank) === 0
  }

  /**
   * Milliseconds until a handshake may run, in this round or the next one: 0, or when a rank whose share is used up has some again.
   * Infinity: none waits, or each waits until another is done.
   */
  get waitMs(): number {
    if (this.#waiting === 0) return Infinity
    return Math.min(...ranks.map((rank) => (this.#mayRun(rank) ? this.#creditWaitMs(rank) : Infinity)))
  }

  /**
   * Takes the next handshake of this rank, or undefined if none may run now. At most activeMax / activePerSubnetMax subnets can be at
   * their bound, so the search is short.
   */
  next(rank: Rank): T | undefined {
    if (!this.isReady(rank)) return undefined
    this.#hasTurn = false
    for (const name of this.#queues[rank].continuing) return this.#take('continuing', name)
    const name = this.#nextToBegin(rank)
    const subnet = name === undefined ? undefined : this.#subnets.get(name)
    if (name === undefined || subnet === undefined) return undefined
    subnet.active += 1
    this.#queues[rank].active += 1
    return this.#take('waiting', name)
  }

  #mayRun(rank: Rank): boolean {
    return this.#queues[rank].continuing.size > 0 || this.#nextToBegin(rank) !== undefined
  }

  #creditWaitMs(rank: Rank): number {
    return rank === 'known' ? 0 : this.#options.credit[rank].waitMs()
  }

  #nextToBegin(rank: Rank): string | undefined {
    const { waiting, active } = this.#queues[rank]
    if (active >= this.#options.activeMax[rank]) return undefined
    for (const name of waiting)
      if ((this.#subnets.get(name)?.active ?? 0) < this.#options.activePerSubnetMax[rank]) return name
    return undefined
  }

  #add(list: 'waiting' | 'continuing', name: string, rank: Rank, item: T): void {
    let subnet = this.#subnets.get(name)
    if (subnet === undefined) {
      subnet = { rank, waiting: new Set(), continuing: new Set(), active: 0 }
      this.#subnets.set(name, subnet)
    } else {
      this.rerank(name, rank)
    }
    subnet[list].add(item)
    this.#waiting += 1
    this.#queues[subnet.rank][list].add(name)
    this.onChange()
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
