// Keeps unwrapped values in memory for a bounded time: data keys, and objects that a root key wraps itself. unwrap-rule.ts
// decides when a value may be used and when the root key is asked. This file follows its decisions. The caller passes in the
// function that unwraps. Unwrapped values do not outlive the process.

import { rootKeyWaitMs } from '../../base/bounds.ts'
import type { MaybePromise } from '../../base/maybe-promise.ts'
import type { ClosedKey, ClosedKeys, UnwrappedKind } from './closed-keys.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import { RootKeyError, type CorrelationIds } from '../ports/root-key.ts'
import type { RootKeyStatus } from './root-key-status.ts'
import { decide, type CacheTimes, type Decision } from './unwrap-rule.ts'

/** How often expired values are removed from memory. */
export const unsealedPurgeEveryMs = 60_000
/** How long a request waits for a silent root key service. KMIP clients wait ten seconds. */
export const rootKeySilenceMs = 4_000

/** The settings of an instance that the cache needs. */
export interface CachingInstance extends CacheTimes {
  readonly id: string
}

/** The source of a used value: memory, memory during an outage of the root key, or the root key. */
export type UnwrapSource = 'cache' | 'outage' | 'root-key'

/** The keys of an instance cannot be opened now. `reach` is that of the root key's answer. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable'
  readonly reach: RootKeyError['reach']
  /** Whether the stored bytes failed their authentication. */
  readonly altered: boolean
  constructor(reach: RootKeyError['reach'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.reach = reach
    this.altered = options?.cause instanceof RootKeyError && options.cause.altered
  }
}

/** Turns a RootKeyError into KeysUnavailable that names the attempt. Returns any other error unchanged. */
export function keysUnavailable(error: unknown, tried: string): unknown {
  if (!(error instanceof RootKeyError)) return error
  return new KeysUnavailable(error.reach, tried, { cause: error })
}

export interface Unwrapped<T> {
  readonly value: T
  /** The root key that unwrapped it. */
  readonly rootKeyUri: string
}

export interface CachedItem {
  /** Unique among all instances. */
  readonly id: string
  /** The name in reports of a closed key. Absent: its id. */
  readonly name?: string
}

export interface UnwrapCacheOptions {
  readonly status: RootKeyStatus
  readonly closed: ClosedKeys
  readonly clock: Clock
  /** Called for each value that is used. */
  readonly onUse?: ((source: UnwrapSource) => void) | undefined
  readonly kind: UnwrappedKind
  /** If there are more values, the oldest one is dropped. */
  readonly valuesMax: number
}

interface Kept<T> extends Unwrapped<T> {
  readonly instanceId: string
  /** When the last successful call to the root key's service began. Monotonic milliseconds. */
  readonly askedAt: number
  /** When the value expires, by the instance's settings at the time when it was kept. */
  readonly uselessFrom: number
}

interface Asking<T> {
  readonly instanceId: string
  readonly value: Promise<T>
  readonly correlationIds: CorrelationIds
}

type Open<T> = (correlationIds: CorrelationIds) => Promise<Unwrapped<T>>

/** A cache for values of one kind. It does not wipe them, so they should be KeyObjects. */
export class UnwrapCache<T> {
  readonly #options: UnwrapCacheOptions
  readonly #kept = new Map<string, Kept<T>>()
  readonly #asking = new Map<string, Asking<T>>()
  #purging: Timer | undefined

  constructor(options: UnwrapCacheOptions) {
    this.#options = options
    options.status.onForget((instanceId, rootKeyUri) => this.#forget(instanceId, rootKeyUri))
  }

  /** From memory if the rule allows it, or from `open`, which asks the root key. Throws KeysUnavailable. */
  get(
    instance: CachingInstance,
    item: CachedItem,
    open: Open<T>,
    correlationIds?: CorrelationIds,
  ): MaybePromise<T> {
    const { status, closed } = this.#options
    const kept = this.#kept.get(item.id)
    const decision = this.#decide(instance, kept)
    if (kept && (decision === 'use' || decision === 'use-and-ask')) {
      if (decision === 'use-and-ask') {
        status.noteCall({ instanceId: instance.id, rootKeyUri: kept.rootKeyUri })
        void this.ask(instance, item, open).catch(() => undefined)
      }
      closed.opened(this.#closedKey(instance, item))
      return this.#used(instance, kept)
    }
    return this.#askOrUse(instance, item, open, correlationIds)
  }

  async #askOrUse(
    instance: CachingInstance,
    item: CachedItem,
    open: Open<T>,
    correlationIds?: CorrelationIds,
  ): Promise<T> {
    try {
      const value = await this.askInTime(instance, item, open, correlationIds)
      this.#options.onUse?.('root-key')
      return value
    } catch (error) {
      const still = this.#kept.get(item.id)
      if (!(error instanceof KeysUnavailable) || error.reach !== 'unreachable' || !still) throw error
      if (this.#decide(instance, still) === 'ask') throw error
      return this.#used(instance, still)
    }
  }

  /** Asks the root key without looking into the cache. At most one call is in flight for each id. Throws KeysUnavailable. */
  async ask(
    instance: CachingInstance,
    item: CachedItem,
    open: Open<T>,
    correlationIds?: CorrelationIds,
  ): Promise<T> {
    let asking = this.#asking.get(item.id)
    if (!asking) {
      const own: CorrelationIds = new Set()
      const value = this.#open(instance, item, () => open(own)).finally(() => {
        if (this.#asking.get(item.id) === made) this.#asking.delete(item.id)
      })
      const made = { instanceId: instance.id, value, correlationIds: own }
      asking = made
      this.#asking.set(item.id, asking)
    }
    try {
      return await asking.value
    } finally {
      if (correlationIds) for (const call of asking.correlationIds) correlationIds.add(call)
    }
  }

  /** Asks the root key, but waits no longer than a client does. A call that hangs continues without the caller. */
  askInTime(
    instance: CachingInstance,
    item: CachedItem,
    open: Open<T>,
    correlationIds?: CorrelationIds,
  ): Promise<T> {
    return this.#unlessSilent(instance, this.ask(instance, item, open, correlationIds))
  }

  /**
   * Keeps a new value, as if the root key had been asked for it at `askedAt` (monotonic milliseconds). Does not keep it if the
   * root key was refused since then.
   */
  keep(instance: CachingInstance, id: string, { value, rootKeyUri }: Unwrapped<T>, askedAt: number): void {
    if (this.#options.status.refusedSince({ instanceId: instance.id, rootKeyUri }, askedAt)) return
    const usefulMs = (instance.cacheSeconds + instance.outageSeconds) * 1000
    this.#kept.delete(id)
    this.#kept.set(id, {
      value,
      rootKeyUri,
      instanceId: instance.id,
      askedAt,
      uselessFrom: askedAt + usefulMs,
    })
    this.#purgeLater()
    if (this.#kept.size <= this.#options.valuesMax) return
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined) this.#kept.delete(oldest)
  }

  /** Whether it has a value of the instance that may be used without an answer of the root key. */
  has(instance: CachingInstance): boolean {
    return [...this.#kept.values()].some(
      (kept) => kept.instanceId === instance.id && !['ask', 'refuse'].includes(this.#decide(instance, kept)),
    )
  }

  /** Moves a cached value to another id. */
  rename(from: string, to: string): void {
    const kept = this.#kept.get(from)
    if (!kept) return
    this.#kept.delete(from)
    this.#kept.set(to, kept)
  }

  #forget(instanceId: string, rootKeyUri?: string): void {
    for (const [id, kept] of this.#kept) {
      const isOfKey = rootKeyUri === undefined || kept.rootKeyUri === rootKeyUri
      if (kept.instanceId === instanceId && isOfKey) this.#kept.delete(id)
    }
    // A call that begins from now on must not join a question from before.
    for (const [id, asking] of this.#asking) if (asking.instanceId === instanceId) this.#asking.delete(id)
  }

  #decide(instance: CachingInstance, kept: Kept<T> | undefined): Decision {
    if (!kept) return 'ask'
    const { rootKeyUri } = kept
    return decide(
      { answer: kept, ...this.#options.status.known({ instanceId: instance.id, rootKeyUri }) },
      instance,
    )
  }

  #used({ cacheSeconds }: CachingInstance, { value, askedAt }: Kept<T>): T {
    const ageMs = this.#options.clock.monotonic() - askedAt
    this.#options.onUse?.(ageMs < cacheSeconds * 1000 ? 'cache' : 'outage')
    return value
  }

  /**
   * Waits for an answer while the service answers such calls, and not longer than a client waits. Gives up on a service that has
   * been silent for `rootKeySilenceMs`. Throws KeysUnavailable.
   */
  async #unlessSilent(instance: CachingInstance, answer: Promise<T>): Promise<T> {
    const { clock, status } = this.#options
    const began = clock.monotonic()
    const unavailable = (ms: number) => {
      const error = new RootKeyError('unreachable', `the root key's service has not answered for ${ms} ms`)
      return { error, thrown: keysUnavailable(error, `wait for the root key of instance ${instance.id}`) }
    }
    for (;;) {
      const now = clock.monotonic()
      if (now - began >= rootKeyWaitMs) throw unavailable(rootKeyWaitMs).thrown
      const heardAt = Math.max(began, status.heardAt(instance.id) ?? -Infinity)
      if (now - heardAt >= rootKeySilenceMs) {
        const { error, thrown } = unavailable(rootKeySilenceMs)
        status.noteSilence(instance.id, error)
        throw thrown
      }
      const over = new AbortController()
      const untilMs = Math.min(heardAt + rootKeySilenceMs, began + rootKeyWaitMs)
      const silence = clock.sleep(Math.max(1, untilMs - now), over.signal).then(() => 'silent' as const)
      try {
        const first = await Promise.race([answer.then((value) => ({ value })), silence])
        if (first !== 'silent') return first.value
      } finally {
        over.abort()
      }
    }
  }

  async #open(instance: CachingInstance, item: CachedItem, open: () => Promise<Unwrapped<T>>): Promise<T> {
    const { clock, closed } = this.#options
    // The value is as old as the question, so that a slow service cannot extend its time.
    const askedAt = clock.monotonic()
    try {
      const { value: opened, rootKeyUri } = await open()
      const value = this.#kept.get(item.id)?.value ?? opened
      this.keep(instance, item.id, { value, rootKeyUri }, askedAt)
      closed.opened(this.#closedKey(instance, item))
      return value
    } catch (error) {
      const reach = error instanceof RootKeyError ? error.reach : undefined
      if (reach === 'wrapped-form' || reach === 'call') this.#kept.delete(item.id)
      if (error instanceof RootKeyError && reach === 'wrapped-form')
        closed.close(this.#closedKey(instance, item), error)
      throw keysUnavailable(error, `unwrap ${this.#options.kind} ${item.id} of instance ${instance.id}`)
    }
  }

  #closedKey(instance: CachingInstance, { id, name = id }: CachedItem): ClosedKey {
    return { instanceId: instance.id, kind: this.#options.kind, id: name }
  }

  /** Removes expired values regularly, as long as there are any values. */
  #purgeLater(): void {
    if (this.#purging !== undefined) return
    this.#purging = this.#options.clock.after(unsealedPurgeEveryMs, () => {
      this.#purging = undefined
      const now = this.#options.clock.monotonic()
      for (const [id, { uselessFrom }] of this.#kept) if (now >= uselessFrom) this.#kept.delete(id)
      if (this.#kept.size > 0) this.#purgeLater()
    })
  }
}
