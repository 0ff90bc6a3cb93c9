// Whether this node can serve, and what is wrong with it: the state behind /health/ready, and where the keyring and the
// trust rows report. Part of the composition root.

import type { Access } from './keys/access.ts'
import type { Keyring, KeyringEvents } from './keys/keyring.ts'
import type { Clock, Store } from './keys/ports.ts'
import type { Log } from './telemetry/log.ts'

/** The canary is opened at most this often, whoever asks. */
const canaryEveryMs = 30_000

export interface Ready {
  readonly ready: boolean
  /** Why not, or what is refused at the moment; in words for people. */
  readonly reason: string | null
  readonly degradedInstances: number
}

export class Readiness implements KeyringEvents {
  readonly #log: Log
  readonly #clock: Clock
  readonly #degraded = new Set<string>()
  #canary: { readonly atMs: number; readonly result: Promise<void> } | undefined

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /** Something was altered behind the server's back. */
  readonly alarm = (message: string): void => {
    this.#log.error({ alarm: 'tampering' }, message)
  }

  degraded(instanceId: string, degraded: boolean, cause: string): void {
    if (degraded) this.#degraded.add(instanceId)
    else this.#degraded.delete(instanceId)
    const message = degraded
      ? 'an instance is served without its root key'
      : 'the root key of an instance answers again'
    this.#log[degraded ? 'error' : 'info']({ instanceId, cause }, message)
  }

  withdrawn(instanceId: string, cause: string): void {
    this.#degraded.add(instanceId)
    this.#log.error(
      { instanceId, cause },
      'the root key of an instance was withdrawn: its keys are not served',
    )
  }

  /** Ready when the store answers. Instances whose root key has trouble are counted and make no node unready. */
  async now(parts: {
    readonly store: Store
    readonly access: Access
    readonly keyring: Keyring
  }): Promise<Ready> {
    try {
      const { intact, alarms } = await parts.access.snapshot()
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
    return { ready, reason, degradedInstances: this.#degraded.size }
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
            () => undefined,
            (error: unknown) => {
              this.#degraded.add(instance.id)
              this.#log.error({ error, instanceId: instance.id }, 'the keys of an instance do not open')
            },
          )
      }
      this.#canary = { atMs: now, result: open() }
    }
    await this.#canary.result
  }
}
