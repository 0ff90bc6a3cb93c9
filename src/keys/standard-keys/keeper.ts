// Standard keys made and deleted so that none is forgotten, whatever is cut off in between: an intent is committed
// before each is made, it counts from the commit on that points to it, and what does not count is deleted at the
// service, at once or by the sweep. What is in them is others' business (safe.ts, journal.ts).

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { limits } from '../../limits.ts'
import { serverActor } from '../../audit/actor.ts'
import type { OpenRootKey } from '../../ports/root-key.ts'
import { StoreConflict, type Store, type Write } from '../../ports/store.ts'
import type { AuditEntry } from '../../ports/audit.ts'
import type { Clock } from '../../ports/clock.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import {
  namedCalls,
  RootKeyError,
  StandardKeyUncertain,
  type RootKey,
  type StandardKeys,
  type Trail,
} from '../../ports/root-key.ts'
import { standardKeyPages } from './pages.ts'
import { attemptOf, describeStandardKey, readDescription, standardKeyName } from './place.ts'
import { Sweep, type Search, type SweepParts, type SweepReport } from './sweep.ts'
import { StandardKeyTroubles } from './troubles.ts'

export interface WantedStandardKey {
  readonly instanceId: string
  readonly kind: StandardKeyRecord['kind']
  /** The object's UniqueIdentifier, or the name of the part of the journal at the service. */
  readonly identifier: string
  /** The first to be tried. */
  readonly generation: number
  readonly rootKey: RootKey
}

export interface KeeperOptions {
  readonly store: Store
  readonly clock: Clock
  readonly openRootKey: OpenRootKey
  /** Whether an unwanted one may be deleted now; `settle`: what stands in the way is to be done away with. */
  readonly mayDelete?: (record: StandardKeyRecord, wanted: { readonly settle: boolean }) => Promise<boolean>
  /** Told of what is refused, and of what could not be deleted and is tried again. */
  readonly troubles?: StandardKeyTroubles
  /** Whether there is no such instance any more: what it has left is told at once. */
  readonly isGone?: (instanceId: string) => Promise<boolean>
  /** Told when nothing is left at the service of an instance of which something was deleted. */
  readonly emptied?: (instanceId: string) => Promise<void>
}

const countedRecords = 500

export interface KeptStandardKeys {
  readonly count: number
  /** Of the root keys beside which they are. */
  readonly rootKeyUris: readonly string[]
  /** Why those that are to be deleted are not; null: nothing is known to be in the way. */
  readonly cause: string | null
}

export class StandardKeyKeeper {
  readonly #options: KeeperOptions
  readonly #troubles: StandardKeyTroubles
  #timer: NodeJS.Timeout | undefined
  #soon: NodeJS.Timeout | undefined
  /** While it sweeps by itself. */
  #sweepNow: (() => void) | undefined
  #sweeping: Promise<SweepReport> | undefined
  readonly #clearing = new Set<Promise<unknown>>()

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#troubles = options.troubles ?? new StandardKeyTroubles(options.clock)
  }

  /**
   * Makes a standard key. What it returns is still an intent: `counts` belongs into the commit that points to it, or
   * it must be given to `discard`. When no answer comes it is looked for, and tried with the next generation when it
   * is not found. Throws RootKeyError, or what `payloadOf` throws.
   */
  async make(
    wanted: WantedStandardKey,
    payloadOf: (generation: number) => Promise<{ readonly payload: Uint8Array; readonly keyVersion: string }>,
    trail?: Trail,
  ): Promise<StandardKeyRecord & { readonly standardKeyId: string }> {
    const shelf = requireStandardKeys(wanted.rootKey)
    /** Nobody will use them, but they may be there, or come yet. */
    const givenUp: Write[] = []
    for (let attempt = 1; ; attempt++) {
      const generation = wanted.generation + attempt - 1
      const { payload, keyVersion } = await payloadOf(generation)
      const { instanceId, kind, identifier, rootKey } = wanted
      const intent: StandardKeyRecord = {
        id: randomUUID(),
        instanceId,
        kind,
        identifier,
        generation,
        rootKeyUri: rootKey.uri,
        state: 'intended',
        standardKeyId: null,
        keyVersion,
        createdMs: this.#options.clock.now(),
      }
      await this.#commit([{ type: 'standard-key', record: intent, from: null }, ...givenUp.splice(0)])
      try {
        const about = { name: nameOf(intent), description: descriptionOf(intent, rootKey) }
        const standardKeyId = await shelf.create({ ...about, payload }, trail)
        if (kind === 'object') this.#troubles.made(instanceId)
        return { ...intent, standardKeyId }
      } catch (error) {
        if (!(error instanceof StandardKeyUncertain)) {
          if (kind === 'object') this.#troubles.notMade(instanceId, error)
          await this.#commit([{ type: 'standard-key-removed', id: intent.id }]).catch(() => undefined)
          throw error
        }
        const found = await this.#lookAfter(shelf, intent, trail)
        if (found !== undefined) return { ...intent, standardKeyId: found }
        givenUp.push(this.unwanted(intent))
        if (attempt < limits.standardKeyTriesMax) continue
        await this.#commit(givenUp).catch(() => undefined)
        throw error
      }
    }
  }

  /** To be committed with what points to it. */
  counts(record: StandardKeyRecord): Write {
    return { type: 'standard-key', record: { ...record, state: 'current' }, from: 'intended' }
  }

  /** To be committed with what points to another, or to none, from then on. */
  unwanted(record: StandardKeyRecord): Write {
    return { type: 'standard-key', record: { ...record, state: 'unwanted' }, from: record.state }
  }

  /** Gives up those that are not given up yet, and deletes them at the service. What fails is left to the sweep. */
  async discard(records: readonly StandardKeyRecord[]): Promise<void> {
    for (const record of records) {
      try {
        if (record.state !== 'unwanted') await this.#commit([this.unwanted(record)])
        const search = (shelf: StandardKeys) => this.#search(shelf, record)
        const mayNow = (await this.#options.mayDelete?.(record, { settle: false })) ?? true
        if (mayNow) await this.#delete({ ...record, state: 'unwanted' }, search)
        else this.sweepSoon()
      } catch (error) {
        this.#left(record, error)
      }
    }
  }

  /** Deletes at the service what is unwanted, and what was begun long ago and never used. One sweep at a time. */
  sweep(): Promise<SweepReport> {
    this.#sweeping ??= this.#sweep().finally(() => (this.#sweeping = undefined))
    return this.#sweeping
  }

  /** Sweeps now and then. `failed` is told when a sweep could not. */
  start(failed: (error: unknown) => void): void {
    const sweep = () => void this.sweep().catch(failed)
    this.#timer = setInterval(sweep, limits.standardKeySweepEveryMs).unref()
    this.#sweepNow = sweep
    sweep()
  }

  /** There is something to delete: does not wait for the next sweep. Nothing where it does not sweep by itself. */
  sweepSoon(): void {
    if (!this.#sweepNow) return
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined
      this.#sweepNow?.()
    }, limits.standardKeySweepSoonMs).unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    clearTimeout(this.#soon)
    this.#sweepNow = undefined
    await Promise.allSettled([this.#sweeping, ...this.#clearing])
  }

  /**
   * Deletes what one instance has given up at its service, now; never rejects. What fails is left to the sweep. Of an
   * instance that is gone it is told as trouble from its first moment on until nothing is left.
   */
  async clear(instanceId: string): Promise<void> {
    const clearing = this.#sweep(instanceId).catch(() => undefined)
    this.#clearing.add(clearing)
    await clearing
    this.#clearing.delete(clearing)
  }

  /** What is kept at its service of an instance, there or gone, whether or not it is wanted. */
  async kept(instanceId: string): Promise<KeptStandardKeys> {
    const rootKeyUris = new Set<string>()
    let count = 0
    const query = { instanceId, limit: countedRecords }
    for await (const page of standardKeyPages(this.#options.store, query))
      // Of one whose making was not answered it is not known whether it is there.
      for (const { standardKeyId, rootKeyUri } of page)
        if (standardKeyId !== null) {
          count++
          rootKeyUris.add(rootKeyUri)
        }
    return { count, rootKeyUris: [...rootKeyUris], cause: this.#troubles.causeOfLeft(instanceId) }
  }

  async #sweep(instanceId?: string): Promise<SweepReport> {
    const { store, clock, isGone = () => Promise.resolve(false) } = this.#options
    const parts: SweepParts = {
      store,
      clock,
      troubles: this.#troubles,
      isGone,
      giveUp: (record) => this.#commit([this.unwanted(record)]),
      remove: async (record, search) => {
        const may = (await this.#options.mayDelete?.(record, { settle: true })) ?? true
        return may && this.#delete({ ...record, state: 'unwanted' }, search)
      },
      search: (shelf, record) => this.#search(shelf, record),
      left: (record, error) => this.#left(record, error),
    }
    const sweep = new Sweep(parts, instanceId)
    await sweep.run()
    for (const touched of sweep.touched) await this.#tellEmptied(touched)
    return sweep.report
  }

  /** false: one of which no answer told the id was not found; it is looked for again. */
  async #delete(record: StandardKeyRecord, search: Search): Promise<boolean> {
    const rootKey = await this.#options.openRootKey(record.rootKeyUri, record.instanceId)
    const shelf = requireStandardKeys(rootKey)
    const { standardKeyId } = record
    const ids = standardKeyId === null ? await search(shelf) : [standardKeyId]
    const calls: Trail = new Set()
    for (const id of ids) await shelf.remove(id, calls)
    const nowMs = this.#options.clock.now()
    if (ids.length === 0 && nowMs - record.createdMs < limits.standardKeyForgottenMs) return false
    const entries = ids.length > 0 ? [deletion(record, ids, nowMs, calls)] : []
    await this.#commit([{ type: 'standard-key-removed', id: record.id }], entries)
    this.#troubles.gone(record)
    return true
  }

  /** After an answer that was lost: the service may still be at it. Where it cannot be looked for, the sweep will. */
  async #lookAfter(
    shelf: StandardKeys,
    intent: StandardKeyRecord,
    trail?: Trail,
  ): Promise<string | undefined> {
    await sleep(limits.standardKeyLookAfterMs, undefined, { ref: false })
    const found = await this.#search(shelf, intent, trail).catch(() => [])
    return found[0]
  }

  /** Ids of those that this attempt made and that are not deleted. */
  async #search(shelf: StandardKeys, record: StandardKeyRecord, trail?: Trail): Promise<readonly string[]> {
    const attempt = attemptOf(record)
    const sinceMs = record.createdMs - limits.standardKeyClockSkewMs
    const found = await shelf.find(nameOf(record), { sinceMs, trail })
    return found.filter((key) => readDescription(key.description)?.attempt === attempt).map(({ id }) => id)
  }

  async #tellEmptied(instanceId: string): Promise<void> {
    const left = await this.#options.store.standardKeys({ instanceId, limit: 1 })
    if (left.length === 0) await this.#options.emptied?.(instanceId)
  }

  #commit(writes: readonly Write[], entries: readonly AuditEntry[] = []): Promise<void> {
    return this.#options.store.commit({ writes, entries, durability: 'disk' })
  }

  #left(record: StandardKeyRecord, error: unknown): void {
    // Another node was quicker.
    if (error instanceof StoreConflict) this.#troubles.gone(record)
    else this.#troubles.left(record, error)
  }
}

/** Throws RootKeyError where there are none. */
export function requireStandardKeys({ standardKeys, uri }: RootKey): StandardKeys {
  if (standardKeys) return standardKeys
  throw new RootKeyError(
    'root-key',
    `beside ${uri} no keys can be kept: the custody keyprotect needs another`,
  )
}

/** The audit's word for it: whoever looks at the service's own log finds there what became of each. */
function deletion(record: StandardKeyRecord, ids: readonly string[], atMs: number, calls: Trail): AuditEntry {
  const { instanceId, kind, identifier, generation } = record
  return {
    atMs,
    action: 'standard-key.delete',
    result: 'success',
    instanceId,
    object: identifier,
    actor: serverActor,
    reason: null,
    requestId: null,
    detail: { kind, generation, standardKeyId: ids.join(' '), ...namedCalls(calls) },
  }
}

function descriptionOf(record: StandardKeyRecord, rootKey: RootKey): string {
  const { kind, instanceId, generation } = record
  return describeStandardKey({
    kind: kind === 'object' ? 'key' : 'journal',
    instanceId,
    rootKeyId: rootKey.id,
    generation,
    attempt: attemptOf(record),
  })
}

function nameOf({ kind, identifier }: StandardKeyRecord): string {
  return kind === 'object' ? standardKeyName(identifier) : identifier
}
