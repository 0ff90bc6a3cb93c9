// Whether this node can serve, and what is wrong with it: the state behind /health/ready. Part of the composition root.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Readiness as Ready, RootKeyCalls } from '../admin/context.ts'
import type { Access } from '../keys/trust/access.ts'
import type { Keyring } from '../keys/keyring.ts'
import type { Store } from '../keys/ports.ts'
import { limits } from '../limits.ts'
import { RootKeyWatch, type RootKeyWatchOptions } from './root-key-watch.ts'
import type { Log } from '../telemetry/log.ts'

export interface ReadinessOptions extends RootKeyWatchOptions {
  /** The calls of root keys' services that are under way now. */
  readonly calls: () => readonly RootKeyCalls[]
}

export class Readiness {
  /** Listens to the keyring. */
  readonly rootKeys: RootKeyWatch
  readonly #log: Log
  readonly #calls: () => readonly RootKeyCalls[]
  #alarms = 0

  constructor(options: ReadinessOptions) {
    this.#log = options.log
    this.#calls = options.calls
    this.rootKeys = new RootKeyWatch(options)
  }

  /** Something was altered behind the server's back. */
  readonly alarm = (message: string): void => {
    this.#alarms++
    this.#log.error({ alarm: 'tampering' }, message)
  }

  /** How often something was found altered. */
  get alarms(): number {
    return this.#alarms
  }

  /** Ready when the store answers. Instances whose root key has trouble are counted and make no node unready. */
  async now(parts: {
    readonly store: Store
    readonly access: Access
    readonly keyring: Keyring
  }): Promise<Ready> {
    try {
      const { intact, alarms, tables } = await parts.access.snapshot()
      if (!intact) return this.#unready(alarms[0] ?? 'the trusted rows were altered')
      // Who asks is a load balancer, which must not wait for a root key that hangs.
      const patience = new AbortController()
      const { signal } = patience
      const enough = sleep(limits.readinessWaitMs, undefined, { signal, ref: false }).catch(() => undefined)
      await Promise.race([this.rootKeys.look(parts), enough])
      patience.abort()
      const { writable, reason } = parts.store.health()
      const degraded = this.rootKeys.troublesOf(tables.instance)
      const closed = await this.rootKeys.stillClosed(parts)
      const standardKeys = parts.keyring.status.standardKeys.now.filter(
        // Elsewhere there is nothing to make or write, so that nothing would end it. What is left outlives its instance.
        ({ what, instanceId }) =>
          what === 'delete' || tables.instance.get(instanceId)?.custody === 'keyprotect',
      )
      return {
        ready: true,
        reason: writable ? null : reason,
        degraded,
        closed,
        standardKeys,
        calls: this.#calls(),
      }
    } catch (error) {
      this.#log.error({ error }, 'the readiness check failed')
      return this.#unready('the store cannot be read')
    }
  }

  #unready(reason: string): Ready {
    return { ready: false, reason, degraded: new Map(), closed: [], standardKeys: [], calls: [] }
  }
}
