// Whether this node can serve, and its troubles: the state behind /health/ready. Part of the composition root.

import { setTimeout as sleep } from 'node:timers/promises'
import type { ReadinessFacts as Ready } from './readiness-facts.ts'
import type { RootKeyCalls } from '../ports/root-keys.ts'
import type { Access } from '../trust/access.ts'
import type { Custodies } from '../custody/custodies.ts'
import type { Keyring } from '../sealing/keyring.ts'
import type { Store } from '../ports/store.ts'
import { Notices } from './notices.ts'
import type { StoredItem } from '../sealing/integrity.ts'
import { RootKeyWatch, type RootKeyWatchOptions } from './root-key-watch.ts'
import { serverClosing, serverIsClosed } from '../trust/closings.ts'
import { messageFirst } from '../ports/log.ts'

/** How long readiness waits for a check of root keys. */
const readinessWaitMs = 2_000

export interface ReadinessOptions extends RootKeyWatchOptions {
  /** The calls to root key services that are in progress. */
  readonly calls: () => readonly RootKeyCalls[]
}

export class Readiness {
  /** Receives the events of the keyring. */
  readonly rootKeys: RootKeyWatch
  /** Any peer may request readiness, without limit. */
  readonly #notices: Notices
  readonly #calls: () => readonly RootKeyCalls[]
  #stopping = false

  constructor(options: ReadinessOptions) {
    this.#notices = new Notices(messageFirst(options.log), () => options.clock.monotonic())
    this.#calls = options.calls
    this.rootKeys = new RootKeyWatch(options)
  }

  /** From now on the node is not ready, so that load balancers send clients elsewhere. */
  stopping(): void {
    this.#stopping = true
  }

  /** The node is ready if the store answers and takes the records of reads. A root key in trouble does not make the node unready. */
  async now(parts: {
    readonly store: Store
    readonly access: Access
    readonly keyring: Keyring
    readonly custodies: Custodies
  }): Promise<Ready> {
    if (this.#stopping) return this.#unready('the server stops')
    try {
      const { intact, alarms, tables } = await parts.access.snapshot()
      if (!intact) return this.#unready(alarms[0] ?? 'the trusted rows were altered')
      // A load balancer calls this and must not wait for a root key that hangs.
      const patience = new AbortController()
      const { signal } = patience
      const enough = sleep(readinessWaitMs, undefined, { signal, ref: false }).catch(() => undefined)
      await Promise.race([this.rootKeys.look(parts), enough])
      patience.abort()
      const { writable, handsOut, reason } = parts.store.health()
      const degraded = this.rootKeys.troublesOf(tables.instance)
      const servedFromMemory = (id: string) => {
        const instance = degraded.get(id) === 'unreachable' ? tables.instance.get(id) : undefined
        return instance !== undefined && parts.custodies.opensFromMemory(instance)
      }
      const closed = await this.rootKeys.stillClosed(parts)
      const altered = await stillAltered(parts)
      const standardKeys = parts.keyring.status.standardKeys.now.filter(
        // Standard keys that are still to be deleted outlive their instance.
        ({ what, instanceId }) => what === 'delete' || tables.instance.has(instanceId),
      )
      const isClosed = serverClosing(tables.instance.values()) !== undefined
      return {
        ready: handsOut && !isClosed,
        reason: isClosed ? serverIsClosed : writable ? null : reason,
        refused: handsOut ? null : reason,
        degraded,
        unknown: new Set(this.rootKeys.unknown),
        fromMemory: new Set([...degraded.keys()].filter(servedFromMemory)),
        reasons: this.rootKeys.reasonsOf(tables.instance),
        closed,
        altered,
        standardKeys,
        calls: this.#calls(),
      }
    } catch (error) {
      this.#notices.error('readiness', 'the readiness check failed', { error })
      return this.#unready(parts.store.health().reason ?? 'the store cannot be read')
    }
  }

  #unready(reason: string): Ready {
    const none = {
      refused: null,
      degraded: new Map(),
      unknown: new Set<string>(),
      fromMemory: new Set<string>(),
      reasons: new Map(),
      closed: [],
      altered: [],
      standardKeys: [],
      calls: [],
    }
    return { ready: false, reason, ...none }
  }
}

/** Returns the altered items that are still stored. */
async function stillAltered({
  store,
  access,
  keyring: { integrity },
}: {
  readonly store: Pick<Store, 'object' | 'dataKeys' | 'secrets'>
  readonly access: Pick<Access, 'instances'>
  readonly keyring: Pick<Keyring, 'integrity'>
}): Promise<readonly StoredItem[]> {
  const { altered } = integrity
  if (altered.length === 0) return []
  const instances = new Set((await access.instances()).map(({ id }) => id))
  const isThere = async ({ instanceId, kind, id }: StoredItem): Promise<boolean> => {
    if (instanceId === null) return (await store.secrets()).some(({ name }) => name === id)
    if (!instances.has(instanceId)) return false
    if (kind === 'data key') return (await store.dataKeys(instanceId)).some((record) => record.id === id)
    return ((await store.object(instanceId, id))?.sealed ?? null) !== null
  }
  const there = await Promise.all(altered.map(isThere))
  for (const [index, item] of altered.entries()) if (there[index] === false) integrity.forget(item)
  return altered.filter((_, index) => there[index])
}
