// What is unsealed in memory, for a bounded time: the cache rule and the outage mode of design section 5, the same for
// data keys and for objects that a root key wraps itself. It opens nothing; who asks the root key is handed in.
//
// The rule: it may be used until `cacheSeconds` after the root key's service last answered for it, and is asked for
// again in the background from four fifths of that time. While the service cannot be reached it may be used until
// `cacheSeconds + outageSeconds`, and nobody waits: it is asked again in the background. A no about the root key empties
// everything of the instance; a no about one wrapped form concerns that one only. All times are monotonic. Nothing
// unsealed outlives the process.

import { setTimeout as sleep } from 'node:timers/promises'
import { limits } from '../limits.ts'
import type { Clock } from '../ports/clock.ts'
import { RootKeyError, type Trail } from '../ports/root-key.ts'
import { StandardKeyTroubles, type StandardKeyTroubleEvents } from './standard-key-troubles.ts'

/** What must be known of an instance. */
export interface CachingInstance {
  readonly id: string
  readonly cacheSeconds: number
  readonly outageSeconds: number
}

export interface RootKeyEvents extends StandardKeyTroubleEvents {
  /** The instance is served from cache because its root key cannot be reached, or no longer is. */
  degraded(instanceId: string, degraded: boolean, cause: string, error?: RootKeyError): void
  /** The root key said no: nothing of the instance is served until it says yes. */
  withdrawn(instanceId: string, cause: string, error?: RootKeyError): void
  /** The root key's service says no about this one and serves others: told once, until it opens again. */
  closed?(closed: Closed, error: RootKeyError): void
  /** What was told to be closed opens. */
  opens?(opened: Closed): void
  /** Where what was used came from: memory, memory while the root key is out of reach, or the root key. */
  used?(source: 'cache' | 'outage' | 'root-key'): void
}

/** What did not open when it was last asked for. */
export interface Closed {
  readonly instanceId: string
  readonly kind: UnsealedKind
  /** The data key's id, or the object's UniqueIdentifier. */
  readonly id: string
}

export type UnsealedKind = 'data key' | 'object'

/** The instance's keys cannot be opened now; `reach` is that of the root key's answer. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable'
  readonly reach: RootKeyError['reach']
  /** What is stored failed its authentication. */
  readonly altered: boolean
  constructor(reach: RootKeyError['reach'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.reach = reach
    this.altered = options?.cause instanceof RootKeyError && options.cause.altered
  }
}

/** What the root key's service last said of each instance. Shared by all that is unsealed under it. */
export class RootKeyConditions {
  /** Of standard keys that are to be made or deleted. */
  readonly standardKeys: StandardKeyTroubles
  readonly #clock: Clock
  readonly #events: RootKeyEvents
  /** Monotonic milliseconds at which the instance's root key was last found unreachable, or asked since. */
  readonly #unreachableAt = new Map<string, number>()
  /** Monotonic milliseconds at which it last answered, whatever it said. */
  readonly #answeredAt = new Map<string, number>()
  readonly #withdrawn = new Set<string>()
  /** Monotonic milliseconds of its last no. */
  readonly #refusedAt = new Map<string, number>()
  readonly #forget: ((instanceId: string) => void)[] = []
  readonly #closed = new Map<string, Closed>()

  constructor(clock: Clock, events: RootKeyEvents) {
    this.#clock = clock
    this.#events = events
    this.standardKeys = new StandardKeyTroubles(clock, events)
  }

  /** Told when everything unsealed of an instance must go. */
  onForget(forget: (instanceId: string) => void): void {
    this.#forget.push(forget)
  }

  /** Forgets all that is unsealed of an instance. */
  forget(instanceId: string): void {
    for (const forget of this.#forget) forget(instanceId)
  }

  /** It did not answer when it was last asked. */
  isUnreachable(instanceId: string): boolean {
    return this.#unreachableAt.has(instanceId)
  }

  /** Whether somebody should ask in the background now: while it does not answer that is now and then, for all keys. */
  mayAsk(instanceId: string): boolean {
    const at = this.#unreachableAt.get(instanceId)
    if (at === undefined) return true
    const now = this.#clock.monotonic()
    if (now - at < limits.rootKeyAskAgainMs) return false
    this.#unreachableAt.set(instanceId, now)
    return true
  }

  /** It answered something after this question was put. */
  answeredSince(instanceId: string, askedAt: number): boolean {
    return (this.#answeredAt.get(instanceId) ?? -Infinity) > askedAt
  }

  used(source: 'cache' | 'outage' | 'root-key'): void {
    this.#events.used?.(source)
  }

  /** It said no after this question was put: a yes that arrives later is older, and counts for nothing. */
  refusedSince(instanceId: string, askedAt: number): boolean {
    return (this.#refusedAt.get(instanceId) ?? -Infinity) > askedAt
  }

  /** What is closed, by what was seen here; of more than `limits.closedKeysMax` no more is kept, nor told. */
  get closed(): readonly Closed[] {
    return [...this.#closed.values()]
  }

  /** The service said no about this one alone. */
  close(item: Closed, error: RootKeyError): void {
    const name = nameOf(item)
    if (this.#closed.has(name) || this.#closed.size >= limits.closedKeysMax) return
    this.#closed.set(name, item)
    this.#events.closed?.(item, error)
  }

  opened(item: Closed): void {
    if (this.#closed.size > 0 && this.#closed.delete(nameOf(item))) this.#events.opens?.(item)
  }

  /** There is no such thing any more. */
  letGo(item: Closed): void {
    this.#closed.delete(nameOf(item))
  }

  answered(instanceId: string): void {
    this.#answeredAt.set(instanceId, this.#clock.monotonic())
    const wasUnreachable = this.#unreachableAt.delete(instanceId)
    if (this.#withdrawn.delete(instanceId) || wasUnreachable)
      this.#events.degraded(instanceId, false, 'the root key answers again')
  }

  /** Draws the conclusion from a failed call, as its reach demands; gives what is to be thrown. */
  refused(instanceId: string, what: string, error: unknown): unknown {
    if (!(error instanceof RootKeyError)) return error
    if (error.reach !== 'unreachable') this.#answeredAt.set(instanceId, this.#clock.monotonic())
    if (error.reach === 'root-key') {
      this.forget(instanceId)
      this.#refusedAt.set(instanceId, this.#clock.monotonic())
      if (!this.#withdrawn.has(instanceId)) this.#events.withdrawn(instanceId, error.message, error)
      this.#withdrawn.add(instanceId)
    } else if (error.reach === 'unreachable') {
      if (!this.#unreachableAt.has(instanceId)) this.#events.degraded(instanceId, true, error.message, error)
      this.#unreachableAt.set(instanceId, this.#clock.monotonic())
    }
    return new KeysUnavailable(error.reach, `${what} of instance ${instanceId}`, { cause: error })
  }
}

function nameOf({ instanceId, kind, id }: Closed): string {
  return JSON.stringify([instanceId, kind, id])
}

interface Kept<T> {
  readonly value: T
  readonly instanceId: string
  /** Monotonic milliseconds of the last answer of the root key for it. */
  readonly answeredAt: number
  /** From then on it serves nobody, as the instance was set when it was kept. */
  readonly uselessFrom: number
}

interface Asking<T> {
  readonly value: Promise<T>
  readonly trail: Trail
}

/** Values of one kind, by an id that is unique among all instances. They are not wiped: let them be KeyObjects. */
export class Unsealed<T> {
  readonly #conditions: RootKeyConditions
  readonly #clock: Clock
  readonly #max: number
  readonly #kind: UnsealedKind
  readonly #kept = new Map<string, Kept<T>>()
  readonly #asking = new Map<string, Asking<T>>()
  #purging: NodeJS.Timeout | undefined

  constructor(conditions: RootKeyConditions, clock: Clock, kind: UnsealedKind, max: number) {
    this.#conditions = conditions
    this.#clock = clock
    this.#kind = kind
    this.#max = max
    conditions.onForget((instanceId) => {
      for (const [id, kept] of this.#kept) if (kept.instanceId === instanceId) this.#kept.delete(id)
    })
  }

  /**
   * From memory as the rule allows, or from `open`, which asks the root key. `named`: by what it is known, where that is
   * not its id here. Throws KeysUnavailable.
   */
  async get(
    instance: CachingInstance,
    id: string,
    open: (trail: Trail) => Promise<T>,
    trail?: Trail,
    named = id,
  ): Promise<T> {
    const conditions = this.#conditions
    const kept = this.#kept.get(id)
    const askBehind = () => void this.ask(instance, id, open, undefined, named).catch(() => undefined)
    if (kept && this.#ageMs(kept) < instance.cacheSeconds * 1000) {
      if (this.#ageMs(kept) >= instance.cacheSeconds * 800 && conditions.mayAsk(instance.id)) askBehind()
      conditions.used('cache')
      conditions.opened(this.#item(instance, named))
      return kept.value
    }
    if (this.#outlives(instance, kept) && conditions.isUnreachable(instance.id)) {
      if (conditions.mayAsk(instance.id)) askBehind()
      conditions.used('outage')
      return kept.value
    }
    try {
      const asked = this.ask(instance, id, open, trail, named)
      const value = await (this.#outlives(instance, kept) ? this.#patiently(instance, asked) : asked)
      conditions.used('root-key')
      return value
    } catch (error) {
      if (!(error instanceof KeysUnavailable) || error.reach !== 'unreachable') throw error
      const still = this.#kept.get(id)
      if (!this.#outlives(instance, still)) throw error
      conditions.used('outage')
      return still.value
    }
  }

  /**
   * Waits for an answer only while the service answers anything: from one that is silent for longer than
   * `limits.rootKeyPatienceMs` none is expected any more, and what is in memory may do. Throws KeysUnavailable.
   */
  async #patiently(instance: CachingInstance, asked: Promise<T>): Promise<T> {
    for (;;) {
      const since = this.#clock.monotonic()
      const silence = new AbortController()
      const { signal } = silence
      const silent = sleep(limits.rootKeyPatienceMs, 'silent' as const, { signal, ref: false })
      try {
        const first = await Promise.race([asked.then((value) => ({ value })), silent])
        if (first !== 'silent') return first.value
      } finally {
        silence.abort()
      }
      if (this.#conditions.answeredSince(instance.id, since)) continue
      const message = `the root key's service has said nothing for ${limits.rootKeyPatienceMs} ms`
      throw this.#conditions.refused(instance.id, 'wait', new RootKeyError('unreachable', message))
    }
  }

  #ageMs({ answeredAt }: Kept<T>): number {
    return this.#clock.monotonic() - answeredAt
  }

  /** It may be used while the service cannot be reached. */
  #outlives(instance: CachingInstance, kept: Kept<T> | undefined): kept is Kept<T> {
    return kept !== undefined && this.#ageMs(kept) < (instance.cacheSeconds + instance.outageSeconds) * 1000
  }

  /** Asks the root key, whatever is kept; one call in flight per id. Throws KeysUnavailable. */
  async ask(
    instance: CachingInstance,
    id: string,
    open: (trail: Trail) => Promise<T>,
    trail?: Trail,
    named = id,
  ): Promise<T> {
    let asking = this.#asking.get(id)
    if (!asking) {
      const own: Trail = new Set()
      const opening = { id, item: this.#item(instance, named), trail: own }
      const value = this.#open(instance, opening, open).finally(() => this.#asking.delete(id))
      asking = { value, trail: own }
      this.#asking.set(id, asking)
    }
    try {
      return await asking.value
    } finally {
      if (trail) for (const call of asking.trail) trail.add(call)
    }
  }

  /** Keeps what was just made, as if the root key had answered for it at `askedAt` (monotonic milliseconds). */
  keep(instance: CachingInstance, id: string, value: T, askedAt: number): void {
    const usefulMs = (instance.cacheSeconds + instance.outageSeconds) * 1000
    this.#kept.delete(id)
    this.#kept.set(id, {
      value,
      instanceId: instance.id,
      answeredAt: askedAt,
      uselessFrom: askedAt + usefulMs,
    })
    this.#purgeLater()
    if (this.#kept.size <= this.#max) return
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined) this.#kept.delete(oldest)
  }

  /** What is kept has another id now. */
  rename(from: string, to: string): void {
    const kept = this.#kept.get(from)
    if (!kept) return
    this.#kept.delete(from)
    this.#kept.set(to, kept)
  }

  /** Lets go of what serves nobody any more, as long as there is anything. */
  #purgeLater(): void {
    if (this.#purging !== undefined) return
    this.#purging = setTimeout(() => {
      this.#purging = undefined
      const now = this.#clock.monotonic()
      for (const [id, { uselessFrom }] of this.#kept) if (now >= uselessFrom) this.#kept.delete(id)
      if (this.#kept.size > 0) this.#purgeLater()
    }, limits.unsealedPurgeEveryMs).unref()
  }

  #item(instance: CachingInstance, id: string): Closed {
    return { instanceId: instance.id, kind: this.#kind, id }
  }

  async #open(
    instance: CachingInstance,
    { id, item, trail }: { readonly id: string; readonly item: Closed; readonly trail: Trail },
    open: (trail: Trail) => Promise<T>,
  ): Promise<T> {
    // The answer counts from the moment the question was put, so that a slow service cannot stretch the time.
    const askedAt = this.#clock.monotonic()
    try {
      const opened = await open(trail)
      if (this.#conditions.refusedSince(instance.id, askedAt)) return opened
      const value = this.#kept.get(id)?.value ?? opened
      this.keep(instance, id, value, askedAt)
      this.#conditions.answered(instance.id)
      this.#conditions.opened(item)
      return value
    } catch (error) {
      if (error instanceof RootKeyError && error.reach === 'wrapped-form') {
        this.#kept.delete(id)
        this.#conditions.close(item, error)
      }
      throw this.#conditions.refused(instance.id, `unseal ${this.#kind} ${id}`, error)
    }
  }
}
