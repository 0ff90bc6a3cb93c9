// Reports on an instance's keys: the progress of long work on them, how many each version of the root key wraps, and which could
// not be restored from Key Protect alone. It only reads. While the root key is unreachable, it reports what it knows.

import type { Custodies } from '../custody/custodies.ts'
import type { Custody } from '../custody/custody.ts'
import { liveObjects } from './objects.ts'
import type { WorkProgress } from './run.ts'
import type { OpenRootKey } from '../ports/root-key.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import { unlessRootKeyError, type RootKey } from '../ports/root-key.ts'
import type { Instance } from '../trust/rows.ts'

/** For the newest version of a root key: how long the server keeps an answer, and how long it waits for one. */
const newestVersionKeptMs = 2_000
const newestVersionWaitMs = 3_000
/** The most objects that the server names as not restorable from Key Protect alone. */
const notRecoverableToldMax = 100

export interface InstanceReport {
  /** null: no work is in progress, or this node does not know the progress. */
  readonly progress: WorkProgress | null
  /** Object counts by root key version; empty where the root key has no versions. */
  readonly keyVersions: readonly KeyVersionCount[]
  /** keyVersions counts these. */
  readonly countedAs: Custody['countedAs']
  /** Whether the owner can revoke a single key at the root key's service. */
  readonly keepsKeysApart: boolean
  readonly notRecoverable: NotRecoverable
}

export interface KeyVersionCount {
  readonly version: string
  /** null: the root key's service did not say. */
  readonly newest: boolean | null
  readonly count: number
}

/** Objects that a data key of the database seals although the instance stores its keys apart: a root key wraps nothing so large. */
export interface NotRecoverable {
  readonly count: number
  /** The first of them. */
  readonly identifiers: readonly string[]
}

/** A call for the newest version of a root key, and its answer. */
interface NewestAnswer {
  /** The root key, and the work in progress at the time. */
  readonly about: string
  readonly atMs: number
  readonly version: Promise<string | null>
  answered: boolean
}

export class InstanceReports {
  readonly #store: Store
  readonly #clock: Clock
  readonly #custodies: Custodies
  readonly #openRootKey: OpenRootKey
  readonly #progress: (instanceId: string) => WorkProgress | undefined
  /** By instance, the last call. */
  readonly #newestAnswers = new Map<string, NewestAnswer>()

  constructor(options: {
    readonly store: Store
    readonly clock: Clock
    readonly custodies: Custodies
    readonly openRootKey: OpenRootKey
    readonly progress: (instanceId: string) => WorkProgress | undefined
  }) {
    this.#store = options.store
    this.#clock = options.clock
    this.#custodies = options.custodies
    this.#openRootKey = options.openRootKey
    this.#progress = options.progress
  }

  /** Whether the instance's root key can be rotated. Throws RootKeyError. */
  async hasVersions({ rootKeyUri, id }: Instance): Promise<boolean> {
    return (await this.#openRootKey(rootKeyUri, id)).versions !== undefined
  }

  async of(instance: Instance, objectCounts: Readonly<Record<string, number>>): Promise<InstanceReport> {
    const custody = this.#custodies.of(instance)
    const rootKey = await this.#openRootKey(instance.rootKeyUri, instance.id).catch(unlessRootKeyError)
    const counts = await custody.keyVersions(instance, rootKey)
    return {
      progress: this.#progress(instance.id) ?? null,
      keyVersions: await this.#keyVersions(instance, rootKey, counts),
      countedAs: custody.countedAs,
      keepsKeysApart: custody.keepsKeysApart,
      notRecoverable: custody.keepsKeysApart
        ? await this.#notRecoverable(instance, objectCounts, counts)
        : { count: 0, identifiers: [] },
    }
  }

  async #keyVersions(
    instance: Instance,
    rootKey: RootKey | undefined,
    counts: ReadonlyMap<string, number>,
  ): Promise<readonly KeyVersionCount[]> {
    if (counts.size === 0) return []
    const newest = await this.#newestVersion(instance, rootKey)
    return [...counts].map(([version, count]) => {
      return { version, newest: newest === null ? null : version === newest, count }
    })
  }

  /**
   * Returns the newest version; null: unknown at the moment. Never rejects, and waits no longer than an administrator would.
   * Calls the service each time, so that an administrator who rotates the root key and rewraps sees the new version. While work
   * is in progress, which people watch, it calls only now and then.
   */
  async #newestVersion({ id, work }: Instance, rootKey: RootKey | undefined): Promise<string | null> {
    if (!rootKey?.versions) return null
    const about = JSON.stringify([rootKey.uri, work?.id ?? null])
    const nowMs = this.#clock.monotonic()
    const known = this.#newestAnswers.get(id)
    if (known?.about === about) {
      const kept = work !== undefined && nowMs - known.atMs < newestVersionKeptMs
      if (kept || !known.answered) return known.version
    }
    const newest = rootKey.versions.newest().catch(() => null)
    const waited = this.#clock.sleep(newestVersionWaitMs).then(() => null)
    const now: NewestAnswer = { about, atMs: nowMs, version: Promise.race([newest, waited]), answered: false }
    this.#newestAnswers.set(id, now)
    const version = await now.version
    now.answered = true
    return version
  }

  async #notRecoverable(
    { id: instanceId }: Instance,
    objectCounts: Readonly<Record<string, number>>,
    standardKeys: ReadonlyMap<string, number>,
  ): Promise<NotRecoverable> {
    const living = Object.entries(objectCounts).filter(([state]) => !state.startsWith('Destroyed'))
    if (sum(living) === sum([...standardKeys])) return { count: 0, identifiers: [] }
    const identifiers: string[] = []
    let count = 0
    for await (const object of liveObjects({ store: this.#store, instanceId })) {
      if (this.#custodies.holding(object).keepsKeysApart) continue
      count++
      if (identifiers.length < notRecoverableToldMax) identifiers.push(object.uniqueIdentifier)
    }
    return { count, identifiers }
  }
}

function sum(counts: readonly (readonly [string, number])[]): number {
  return counts.reduce((total, [, count]) => total + count, 0)
}
