// Whether this node can serve, and what is wrong with it: the state behind /health/ready, and where the keyring and the
// trust rows report. Part of the composition root.

import type { Access } from './keys/access.ts'
import type { Keyring, KeyringEvents } from './keys/keyring.ts'
import type { Clock, Store } from './keys/ports.ts'
import type { Log } from './telemetry/log.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** The canary is opened at most this often, whoever asks. */
const canaryEveryMs = 30_000

export interface Ready {
  readonly ready: boolean
  /** Why not, or what is refused at the moment; in words for people. */
  readonly reason: string | null
  /** Ids of the instances whose root key has trouble. */
  readonly degraded: readonly string[]
}

export class Readiness implements KeyringEvents {
  readonly #log: Log
  readonly #clock: Clock
  readonly #metrics: Pick<Metrics, 'dataKeyUses'>
  /** Instances served from memory while their root key cannot be reached. */
  readonly #unreachable = new Set<string>()
  /** Instances whose keys did not open when they were last tried. */
  readonly #closed = new Set<string>()
  #alarms = 0
  #canary: { readonly atMs: number; readonly result: Promise<void> } | undefined

  constructor(log: Log, clock: Clock, metrics: Pick<Metrics, 'dataKeyUses'>) {
    this.#log = log
    this.#metrics = metrics
    this.#clock = clock
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

  degraded(instanceId: string, degraded: boolean, cause: string): void {
    if (degraded) this.#unreachable.add(instanceId)
    else {
      this.#unreachable.delete(instanceId)
      this.#closed.delete(instanceId)
    }
    const message = degraded
      ? 'an instance is served without its root key'
      : 'the root key of an instance answers again'
    this.#log[degraded ? 'error' : 'info']({ instanceId, cause }, message)
  }

  withdrawn(instanceId: string, cause: string): void {
    this.#closed.add(instanceId)
    this.#log.error(
      { instanceId, cause },
      'the root key of an instance was withdrawn: its keys are not served',
    )
  }

  used(source: 'cache' | 'outage' | 'root-key'): void {
    this.#metrics.dataKeyUses.inc({ source })
  }

  /** Ready when the store answers. Instances whose root key has trouble are counted and make no node unready. */
  async now(parts: {
    readonly store: Store
    readonly access: Access
    readonly keyring: Keyring
  }): Promise<Ready> {
    try {
      const { intact, alarms, tables } = await parts.access.snapshot()
      for (const set of [this.#unreachable, this.#closed])
        for (const id of set) if (!tables.instance.has(id)) set.delete(id)
      if (!intact) return this.#answer(false, alarms[0] ?? 'the trusted rows were altered')
      await this.#openCanary(parts)
      const { writable, reason } = parts.store.health()
      return this.#answer(true, writable ? null : reason)
    } catch (error) {
      this.#log.error({ error }, 'the readiness check failed')
      return this.#answer(false, 'the store cannot be read')
    }
  }

  #answer(ready: boolean, reason: string | null): Ready {
    return { ready, reason, degraded: [...new Set([...this.#unreachable, ...this.#closed])] }
  }

  /** Opens the current data key of every instance, as a request would. */
  async #openCanary({
    access,
    keyring,
  }: {
    readonly access: Access
    readonly keyring: Keyring
  }): Promise<void> {
    const now = this.#clock.monotonic()
    if (!this.#canary || now - this.#canary.atMs >= canaryEveryMs) {
      const open = async () => {
        for (const instance of await access.instances())
          await keyring.current(instance).then(
            () => this.#closed.delete(instance.id),
            (error: unknown) => {
              this.#closed.add(instance.id)
              this.#log.error({ error, instanceId: instance.id }, 'the keys of an instance do not open')
            },
          )
      }
      this.#canary = { atMs: now, result: open() }
    }
    await this.#canary.result
  }
}
