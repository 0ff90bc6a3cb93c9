// What can be told of an instance's keys beside its settings: how far long work on them got, which version of the root
// key wraps how many, and which could not be brought back from Key Protect alone. Reads only; while the root key is out
// of reach it tells what is known without it.

import { limits } from '../limits.ts'
import { liveObjects } from '../keys/instance-work/objects.ts'
import type { WorkProgress } from '../keys/instance-work/run.ts'
import type { OpenRootKey } from '../ports/root-key.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import { RootKeyError, type RootKey } from '../ports/root-key.ts'
import { isPlace } from '../keys/standard-keys/place.ts'
import type { Instance } from '../trust/rows.ts'

export interface InstanceReport {
  /** null: this node does not know how far it is, or there is none. */
  readonly progress: WorkProgress | null
  /** Of objects with custody keyprotect, of data keys with custody database; none where a root key has no versions. */
  readonly keyVersions: readonly KeyVersionCount[]
  readonly notRecoverable: NotRecoverable
}

export interface KeyVersionCount {
  readonly version: string
  /** null: the root key's service did not say. */
  readonly newest: boolean | null
  readonly count: number
}

/** Objects of custody keyprotect that a data key of the database seals, since the root key wraps nothing so large. */
export interface NotRecoverable {
  readonly count: number
  /** The first of them. */
  readonly identifiers: readonly string[]
}

/** Which version is the newest, as it was asked. */
interface Asked {
  /** Root key, and the work that was under way. */
  readonly about: string
  readonly atMs: number
  readonly version: Promise<string | null>
  answered: boolean
}

export class InstanceReports {
  readonly #store: Store
  readonly #clock: Clock
  readonly #openRootKey: OpenRootKey
  readonly #progress: (instanceId: string) => WorkProgress | undefined
  /** By instance, the last question. */
  readonly #asked = new Map<string, Asked>()

  constructor(options: {
    readonly store: Store
    readonly clock: Clock
    readonly openRootKey: OpenRootKey
    readonly progress: (instanceId: string) => WorkProgress | undefined
  }) {
    this.#store = options.store
    this.#clock = options.clock
    this.#openRootKey = options.openRootKey
    this.#progress = options.progress
  }

  /** Whether the instance's root key can be rotated. Throws RootKeyError. */
  async hasVersions({ rootKeyUri, id }: Instance): Promise<boolean> {
    return (await this.#openRootKey(rootKeyUri, id)).versions !== undefined
  }

  async of(instance: Instance, objectCounts: Readonly<Record<string, number>>): Promise<InstanceReport> {
    const standardKeys = await this.#store.standardKeyVersions(instance.id)
    return {
      progress: this.#progress(instance.id) ?? null,
      keyVersions: await this.#keyVersions(instance, standardKeys),
      notRecoverable: await this.#notRecoverable(instance, objectCounts, standardKeys),
    }
  }

  async #keyVersions(
    instance: Instance,
    standardKeys: Readonly<Record<string, number>>,
  ): Promise<readonly KeyVersionCount[]> {
    const rootKey = await this.#openRootKey(instance.rootKeyUri, instance.id).catch(unlessRootKeyError)
    const counts = new Map<string, number>()
    if (instance.custody === 'keyprotect')
      for (const [version, count] of Object.entries(standardKeys)) counts.set(version, count)
    else if (rootKey?.versions)
      for (const { wrapped, rootKeyUri } of await this.#store.dataKeys(instance.id)) {
        const version = rootKeyUri === rootKey.uri ? rootKey.versions.of(wrapped) : ''
        counts.set(version, (counts.get(version) ?? 0) + 1)
      }
    if (counts.size === 0) return []
    const newest = await this.#newestVersion(instance, rootKey)
    return [...counts].map(([version, count]) => {
      return { version, newest: newest === null ? null : version === newest, count }
    })
  }

  /**
   * null: unknown at the moment. Never rejects, and waits no longer than a person would. Asked anew each time, or who
   * rotates and rewraps is told of the version before; while work is under way, which is watched, only now and then.
   */
  async #newestVersion({ id, work }: Instance, rootKey: RootKey | undefined): Promise<string | null> {
    if (!rootKey?.versions) return null
    const about = JSON.stringify([rootKey.uri, work?.id ?? null])
    const nowMs = this.#clock.monotonic()
    const known = this.#asked.get(id)
    if (known?.about === about) {
      const kept = work !== undefined && nowMs - known.atMs < limits.newestVersionKeptMs
      if (kept || !known.answered) return known.version
    }
    const asked = rootKey.versions.newest().catch(() => null)
    const waited = this.#clock.sleep(limits.newestVersionWaitMs).then(() => null)
    const now: Asked = { about, atMs: nowMs, version: Promise.race([asked, waited]), answered: false }
    this.#asked.set(id, now)
    const version = await now.version
    now.answered = true
    return version
  }

  async #notRecoverable(
    instance: Instance,
    objectCounts: Readonly<Record<string, number>>,
    standardKeys: Readonly<Record<string, number>>,
  ): Promise<NotRecoverable> {
    if (instance.custody === 'database') return { count: 0, identifiers: [] }
    const living = Object.entries(objectCounts).filter(([state]) => !state.startsWith('Destroyed'))
    if (sum(living) === sum(Object.entries(standardKeys))) return { count: 0, identifiers: [] }
    const found: string[] = []
    let count = 0
    for await (const object of liveObjects({ store: this.#store, instanceId: instance.id })) {
      if (!object.sealed || isPlace(object.sealed)) continue
      count++
      if (found.length < limits.notRecoverableToldMax) found.push(object.uniqueIdentifier)
    }
    return { count, identifiers: found }
  }
}

function sum(counts: readonly (readonly [string, number])[]): number {
  return counts.reduce((total, [, count]) => total + count, 0)
}

function unlessRootKeyError(error: unknown): undefined {
  if (!(error instanceof RootKeyError)) throw error
}
