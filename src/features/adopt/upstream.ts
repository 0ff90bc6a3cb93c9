// Asks one old server for objects that are unknown here, when a client wants them: one call for each identifier, however
// many requests wait for it; few calls at a time; and an answer in bounded time. on-demand.ts does one call. A call goes on
// when its clients have stopped waiting: what it brings is there when they ask again.

import { Fault } from '../../wire/kmip/fault.ts'
import { upstreamCallsMax, upstreamWaitMs } from './bounds.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { Allowance, TurnQueue } from './fair-asks.ts'
import { remember } from './remember.ts'
import { Health, type UpstreamHealth } from './upstream-health.ts'

/** Identifiers of one client, and of one instance, that are being asked for or wait for their turn. */
export const upstreamAsksPerClientMax = 256
const upstreamAsksMax = 512
/** Requests of one instance that wait for these. */
const upstreamWaitingMax = 4_096
/** For so long an object that the old server does not have, or does not give, is not asked for again. */
export const upstreamRememberedMs = 5_000
const upstreamRememberedMax = 10_000
/** The number of identifiers unknown to the old server that one client may ask for, at once and per second. */
export const upstreamMissesMax = 200
const upstreamMissesPerSecond = 10
const upstreamMissingClientsMax = 1_000

/** How one call ended. `unanswered`: the old server may have the object. */
export type UpstreamAnswer =
  | { readonly is: 'adopted' }
  | { readonly is: 'absent' }
  | { readonly is: 'unanswered'; readonly message: string }
  /** The old server has it, and Mortise does not get it or cannot store it. */
  | { readonly is: 'refused'; readonly fault: Fault; readonly why: string }
  /** This server could not store it now. */
  | { readonly is: 'failed'; readonly fault: Fault }

/** The result of a request for an unknown identifier, for metrics. */
export type AskResult = UpstreamAnswer['is'] | 'busy'

export interface UpstreamAsker {
  /** The id of the client. */
  readonly client: string
  readonly requestId: string
}

export interface UpstreamOptions {
  readonly clock: Clock
  /** Never rejects. */
  readonly look: (identifier: string, asker: UpstreamAsker) => Promise<UpstreamAnswer>
  readonly onResult: (result: AskResult) => void
}

interface Ask {
  readonly identifier: string
  readonly asker: UpstreamAsker
  readonly begunAt: number
  readonly answer: Promise<UpstreamAnswer>
  readonly resolve: (answer: UpstreamAnswer) => void
  waiting: number
}

export class OldServerUpstream {
  readonly #options: UpstreamOptions
  readonly #health: Health
  /** How many identifiers that the old server does not know each client may still ask for. */
  readonly #misses: Allowance
  /** By identifier: running or waiting for their turn. */
  readonly #asks = new Map<string, Ask>()
  readonly #askedBy = new Map<string, number>()
  readonly #queue = new TurnQueue<Ask>()
  /** Answers that the old server does not have or does not give an object; each counts until this monotonic time. */
  readonly #remembered = new Map<string, { readonly answer: UpstreamAnswer; readonly until: number }>()
  #running = 0
  #waiting = 0

  constructor(options: UpstreamOptions) {
    this.#options = options
    this.#health = new Health(options.clock)
    this.#misses = new Allowance(() => options.clock.monotonic(), {
      max: upstreamMissesMax,
      perSecond: upstreamMissesPerSecond,
      partiesMax: upstreamMissingClientsMax,
    })
  }

  health(): UpstreamHealth {
    return this.#health.shown()
  }

  /** Whether the object is here now; false: the old server does not have it. Throws a Fault if that is unknown. */
  async bring(identifier: string, asker: UpstreamAsker): Promise<boolean> {
    const { onResult } = this.#options
    try {
      const answer = this.#known(identifier) ?? (await this.#wait(this.#ask(identifier, asker)))
      onResult(answer.is)
      return isHere(answer)
    } catch (error) {
      if (error instanceof Busy) onResult('busy')
      throw error
    }
  }

  #known(identifier: string): UpstreamAnswer | undefined {
    const known = this.#remembered.get(identifier)
    if (!known || known.until > this.#options.clock.monotonic()) return known?.answer
    this.#remembered.delete(identifier)
    return undefined
  }

  /** The question for the identifier that waits or runs already, or a new one. */
  #ask(identifier: string, asker: UpstreamAsker): Ask {
    const { client } = asker
    if (this.#waiting >= upstreamWaitingMax) throw new Busy(tooMany)
    const known = this.#asks.get(identifier)
    if (known) return known
    if (this.#misses.isSpent(client)) throw new Busy(tooManyUnknown)
    const own = this.#askedBy.get(client) ?? 0
    if (this.#asks.size >= upstreamAsksMax || own >= upstreamAsksPerClientMax) throw new Busy(tooMany)
    if (!this.#health.mayAsk()) throw unanswered()
    const { promise: answer, resolve } = Promise.withResolvers<UpstreamAnswer>()
    const begunAt = this.#options.clock.monotonic()
    const ask: Ask = { identifier, asker, begunAt, answer, resolve, waiting: 0 }
    this.#asks.set(identifier, ask)
    this.#askedBy.set(client, own + 1)
    this.#queue.enter(client, ask)
    queueMicrotask(() => this.#runNext())
    return ask
  }

  async #wait(ask: Ask): Promise<UpstreamAnswer> {
    const { clock } = this.#options
    const waiting = new AbortController()
    ask.waiting++
    this.#waiting++
    const late = clock.sleep(upstreamWaitMs, waiting.signal).then(() => undefined)
    try {
      const answer = await Promise.race([ask.answer, late])
      if (answer) return answer
      this.#health.waitedInVain(ask.begunAt)
      return { is: 'unanswered', message: 'no answer in time' }
    } finally {
      waiting.abort()
      ask.waiting--
      this.#waiting--
    }
  }

  #runNext(): void {
    while (this.#running < upstreamCallsMax) {
      const ask = this.#queue.next()
      if (!ask) return
      // No caller waits for it any more, and nothing was sent.
      if (ask.waiting === 0) this.#end(ask, { is: 'unanswered', message: 'its turn came too late' })
      else void this.#run(ask)
    }
  }

  async #run(ask: Ask): Promise<void> {
    this.#running++
    const answer = await this.#options.look(ask.identifier, ask.asker)
    this.#running--
    this.#learn(ask, answer)
    this.#end(ask, answer)
    this.#runNext()
  }

  #learn({ identifier, asker }: Ask, answer: UpstreamAnswer): void {
    if (answer.is === 'unanswered') return this.#health.failed(answer.message)
    this.#health.answered()
    if (answer.is === 'adopted') return this.#health.adopted(identifier)
    if (answer.is === 'failed') return this.#health.notAdopted(identifier, answer.fault.message)
    if (answer.is === 'absent') this.#misses.spend(asker.client)
    else this.#health.notAdopted(identifier, answer.why)
    const until = this.#options.clock.monotonic() + upstreamRememberedMs
    remember(this.#remembered, identifier, { answer, until }, upstreamRememberedMax)
  }

  #end({ identifier, asker: { client }, resolve }: Ask, answer: UpstreamAnswer): void {
    this.#asks.delete(identifier)
    const own = (this.#askedBy.get(client) ?? 1) - 1
    if (own > 0) this.#askedBy.set(client, own)
    else this.#askedBy.delete(client)
    resolve(answer)
  }
}

function isHere(answer: UpstreamAnswer): boolean {
  if (answer.is === 'adopted') return true
  if (answer.is === 'absent') return false
  throw answer.is === 'unanswered' ? unanswered() : answer.fault
}

/** Not "not found": a client must not conclude that the key is gone. */
function unanswered(): Fault {
  return new Fault(
    'GeneralFailure',
    'the old server, which may have this object, does not answer at the moment: try again',
  )
}

class Busy extends Fault {
  constructor(message: string) {
    super('GeneralFailure', message)
  }
}

const tooMany = 'too many objects are being looked for at the old server: try again'
const tooManyUnknown =
  'this client asked for too many identifiers that neither this server nor the old one knows: try again later'
