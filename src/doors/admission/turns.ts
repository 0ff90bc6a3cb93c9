// The one queue for the thread that serves TLS, for all doors. Requests and handshakes get their turns from it, a few at a time, and
// sockets are read in between. The party that used least time goes first, and its members take turns. A party is an instance (its
// members are its clients), the administrators, all strangers (members: subnets), or the handshakes of a rank of subnets
// (arrivals.ts). Thus many requests of one client, or many clients of one instance, delay a request of another instance by one
// turn.
//
// A request begins with a turn and takes another for each further batch item and wherever its work is long. It begins at once
// while little was done since the last read and no party that waits has used less. Only the part of a turn until its first wait
// for something else is measured; the rest (an answer written, a commit settled) is short.

import type { Pace } from '../../core/keys/transaction/pace.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import { andThen, type MaybePromise } from '../../base/maybe-promise.ts'
import { ranks, type Arrivals } from './arrivals.ts'
import type { Rank } from './subnets.ts'

/**
 * A turn. After this long, work on a request lets others go first; and once a round has used this much, no waiting work gets a turn before
 * the next round.
 */
const turnMs = 0.5
/** Once a round has used this much time, a request that was just read waits for its turn, and does not begin at once. */
const roundMs = 4
/** The most turns that are planned at once. The server reads sockets again after them. */
const roundTurnsMax = 64
/** The time of strangers' handshakes counts this many times. */
const strangerWeight = 4

/** The owner of a request. */
export interface RequestParty {
  readonly group: string
  readonly member: string
}

/** All peers of a subnet that no instance or token vouches for; together the strangers have the share of one instance. */
export function strangers(subnet: string): RequestParty {
  return { group: 'strangers', member: subnet }
}

/** A piece of work that waits for a turn. */
export interface Work {
  /** Runs it, or resumes what waits for it. Returns false if it has left and needs no turn. */
  begin(): boolean
}

/** The members of a group share one part of the thread's time. */
abstract class Group {
  readonly weight: number
  usedMs: number
  /** Nothing of the group could run when it was last looked at. A group saves up no time while it does not use its turns. */
  wasAway = true

  constructor(usedMs: number, weight = 1) {
    this.usedMs = usedMs
    this.weight = weight
  }

  /** Whether something of it may run now. */
  abstract get isReady(): boolean
  abstract next(): Work | undefined
}

/** The requests of one party. */
class Requests extends Group {
  waiting = 0
  /** The next in turn is first, each with its requests in order of arrival. */
  readonly #members = new Map<string, Work[]>()

  get isReady(): boolean {
    return this.waiting > 0
  }

  enter(member: string, work: Work): void {
    const works = this.#members.get(member)
    if (works) works.push(work)
    else this.#members.set(member, [work])
    this.waiting += 1
  }

  next(): Work | undefined {
    const [turn] = this.#members
    if (!turn) return undefined
    const [member, works] = turn
    const work = works.shift()
    this.#members.delete(member)
    if (works.length > 0) this.#members.set(member, works)
    this.waiting -= 1
    return work
  }
}

/** The handshakes of one rank. */
class Handshakes extends Group {
  readonly #arrivals: Arrivals<Work>
  readonly #rank: Rank

  constructor(arrivals: Arrivals<Work>, rank: Rank) {
    super(0, rank === 'known' ? 1 : strangerWeight)
    this.#arrivals = arrivals
    this.#rank = rank
  }

  get isReady(): boolean {
    return this.#arrivals.isReady(this.#rank)
  }

  next(): Work | undefined {
    return this.#arrivals.next(this.#rank)
  }
}

export interface TurnsOptions {
  readonly arrivals: Arrivals<Work>
  /** Monotonic milliseconds. */
  readonly now: () => number
}

export class AdmissionTurns {
  readonly #now: () => number
  readonly #arrivals: Arrivals<Work>
  /** By party: those that wait, and idle ones whose used time still counts. */
  readonly #requests = new Map<string, Requests>()
  readonly #handshakes: readonly Group[]
  /** The requests that wait. */
  #waiting = 0
  /** The most that a group had used when it was chosen. */
  #floorMs = 0
  /** Callbacks that are still to come in this round of the event loop; the last one ends the round. */
  #planned = 0
  #isRoundBegun = false
  /** Milliseconds of turns in this round of the event loop. */
  #usedMs = 0
  #running: Group | undefined
  #runningSinceMs = 0
  #later: NodeJS.Timeout | undefined
  /** Called when strangers wait because their share is used up. */
  onStrangersWait: () => void = () => {}

  constructor({ arrivals, now }: TurnsOptions) {
    this.#now = now
    this.#arrivals = arrivals
    this.#handshakes = ranks.map((rank) => new Handshakes(arrivals, rank))
    arrivals.onChange = () => this.#plan()
  }

  /** The pace of one request. `abandoned` is aborted when its answer is not awaited any more. */
  paceOf(party: RequestParty, abandoned: AbortSignal): Pace {
    return new RequestPace(this, party, abandoned)
  }

  /** Monotonic milliseconds. */
  now(): number {
    return this.#now()
  }

  /** For a first turn only: it follows a read of its socket, while one commit may let many requests go on together. */
  beginsAtOnce(party: RequestParty): boolean {
    this.#account()
    if (this.#usedMs >= roundMs) return false
    if (this.#isQuiet) {
      this.#forget()
      this.#begin(unnoticed)
    } else if (this.#goesFirst(party)) {
      this.#begin(this.#groupOf(party))
    } else return false
    if (this.#planned === 0) this.#planSettling()
    return true
  }

  wait(party: RequestParty, abandoned: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const group = this.#groupOf(party)
      if (group.waiting === 0) group.usedMs = Math.max(group.usedMs, this.#floorMs)
      group.enter(party.member, new Waiting(abandoned, resolve, reject))
      this.#waiting += 1
      this.#plan()
    })
  }

  get #isQuiet(): boolean {
    return this.#waiting === 0 && this.#arrivals.waiting === 0
  }

  #groupOf({ group: name }: RequestParty): Requests {
    let group = this.#requests.get(name)
    if (!group) {
      group = new Requests(this.#floorMs)
      this.#requests.set(name, group)
    }
    return group
  }

  /** Two callbacks for each turn, one behind the other: only what the turn resumes runs between them. */
  #plan(): void {
    const waitMs = this.#arrivals.waitMs
    const turns = Math.min(this.#waiting + (waitMs === 0 ? 1 : 0), roundTurnsMax)
    while (this.#planned < turns) {
      setImmediate(() => this.#give())
      this.#planSettling()
    }
    if (waitMs > 0 && waitMs < Infinity) this.#planLater(waitMs)
  }

  #planSettling(): void {
    this.#planned += 1
    setImmediate(() => this.#settle())
  }

  /** Looks again when strangers have a share of the time again. */
  #planLater(waitMs: number): void {
    if (this.#later) return
    this.onStrangersWait()
    this.#later = setTimeout(() => {
      this.#later = undefined
      this.#plan()
    }, waitMs).unref()
  }

  #give(): void {
    if (!this.#isRoundBegun) this.#arrivals.beginRound()
    this.#isRoundBegun = true
    if (this.#usedMs >= turnMs) return
    for (;;) {
      const group = this.#leastUsed()
      const work = group?.next()
      if (!group || !work) return
      if (group instanceof Requests) this.#waiting -= 1
      this.#floorMs = Math.max(this.#floorMs, group.usedMs)
      this.#begin(group)
      if (work.begin()) return
    }
  }

  #settle(): void {
    this.#planned -= 1
    this.#account()
    if (this.#planned > 0) return
    this.#usedMs = 0
    this.#isRoundBegun = false
    this.#plan()
  }

  #begin(group: Group): void {
    this.#account()
    this.#running = group
    this.#runningSinceMs = this.#now()
  }

  #account(): void {
    const group = this.#running
    if (!group) return
    this.#running = undefined
    const usedMs = this.#now() - this.#runningSinceMs
    this.#usedMs += usedMs
    if (group === unnoticed) return
    group.usedMs += usedMs * group.weight
    if (this.#isQuiet) this.#forget()
  }

  /** While nothing waits, used time delays no work. */
  #forget(): void {
    if (this.#floorMs === 0 && this.#requests.size === 0) return
    this.#requests.clear()
    this.#floorMs = 0
    for (const group of this.#handshakes) group.usedMs = 0
  }

  /** Whether no work waits that should go before a request of the party. */
  #goesFirst(party: RequestParty): boolean {
    const own = this.#requests.get(party.group)
    if (own && own.waiting > 0) return false
    const first = this.#leastUsed()
    return first === undefined || Math.max(own?.usedMs ?? 0, this.#floorMs) < first.usedMs
  }

  /** A linear search: there are about as many groups as busy instances. */
  #leastUsed(): Group | undefined {
    let least: Group | undefined
    for (const group of this.#requests.values()) least = this.#lesser(group, least)
    for (const group of this.#handshakes) least = this.#lesser(group, least)
    return least
  }

  #lesser(group: Group, least: Group | undefined): Group | undefined {
    if (!group.isReady) {
      group.wasAway = true
      return least
    }
    if (group.wasAway) group.usedMs = Math.max(group.usedMs, this.#floorMs)
    group.wasAway = false
    return group.usedMs < (least?.usedMs ?? Infinity) ? group : least
  }
}

/** Runs while nothing waits: its time delays no other work. */
const unnoticed: Group = new Requests(0)

/** A request that waits for its turn. */
class Waiting implements Work {
  readonly #abandoned: AbortSignal
  readonly #resolve: () => void
  readonly #reject: (error: Fault) => void

  constructor(abandoned: AbortSignal, resolve: () => void, reject: (error: Fault) => void) {
    this.#abandoned = abandoned
    this.#resolve = resolve
    this.#reject = reject
  }

  begin(): boolean {
    if (this.#abandoned.aborted)
      this.#reject(new Fault('OperationCanceledByRequester', 'the client did not wait for the answer'))
    else this.#resolve()
    return !this.#abandoned.aborted
  }
}

class RequestPace implements Pace {
  readonly abandoned: AbortSignal
  readonly #turns: AdmissionTurns
  readonly #party: RequestParty
  /** When the turn is used up; -Infinity: there was none yet. */
  #endMs = -Infinity

  constructor(turns: AdmissionTurns, party: RequestParty, abandoned: AbortSignal) {
    this.#turns = turns
    this.#party = party
    this.abandoned = abandoned
  }

  get spent(): boolean {
    return this.#turns.now() >= this.#endMs
  }

  turn(): MaybePromise<void> {
    const isFirst = this.#endMs === -Infinity
    const begins = isFirst && !this.abandoned.aborted && this.#turns.beginsAtOnce(this.#party)
    return andThen(begins ? undefined : this.#turns.wait(this.#party, this.abandoned), () => {
      this.#endMs = this.#turns.now() + turnMs
    })
  }
}
