// The upstreams of all instances: finds the one that a client's instance names, as of now, and asks it for an object that is
// unknown here. An instance without one, or whose upstream is off, asks nobody.

import { serverActor } from '../audit/actor.ts'
import type { Keys } from '../keys/keys.ts'
import { Fault } from '../kmip/fault.ts'
import { limits } from '../limits.ts'
import type { Clock } from '../ports/clock.ts'
import type { Caller } from '../trust/caller.ts'
import type { Access } from '../trust/access.ts'
import type { Upstream as Setting } from '../trust/upstream.ts'
import { addressOf } from './old-server.ts'
import { OnDemand } from './on-demand.ts'
import type { UpstreamHealth } from './upstream-health.ts'
import { UpstreamTrials } from './upstream-trial.ts'
import { Upstream, type AskResult } from './upstream.ts'

export interface UpstreamsOptions {
  readonly clock: Clock
  readonly keys: Pick<Keys, 'perform'>
  readonly access: Pick<Access, 'instance' | 'snapshot'>
  /** The private key of a setting in PEM, the caller's to wipe. */
  readonly keyOf: (setting: Setting) => Promise<Buffer | undefined>
  readonly onResult: (result: AskResult) => void
  /** Called with bugs and outages. */
  readonly failed: (error: unknown) => void
}

interface Opened {
  readonly setting: Setting
  readonly upstream: Upstream
  readonly calls: OnDemand
}

export class Upstreams {
  readonly trials = new UpstreamTrials()
  readonly #options: UpstreamsOptions
  /** By instance. */
  readonly #opened = new Map<string, Opened>()

  constructor(options: UpstreamsOptions) {
    this.#options = options
  }

  /**
   * Asks for an object that the caller's instance does not have. true: it has it now. false: nobody has it. Throws a Fault
   * if nobody knows.
   */
  readonly bring = async (
    { instanceId, trustVersion, actor, requestId }: Caller,
    identifier: string,
  ): Promise<boolean> => {
    if (this.trials.isMadeUp(identifier)) return false
    const setting = (await this.#options.access.instance(instanceId, trustVersion))?.upstream
    if (!setting) {
      this.#forget(instanceId)
      return false
    }
    const bytes = Buffer.byteLength(identifier)
    if (bytes === 0 || bytes > limits.uniqueIdentifierBytesMax) return false
    if (setting.off)
      throw new Fault(
        'GeneralFailure',
        'the old server, which may have this object, is not asked since a restore: a manager must turn the upstream on',
      )
    const { upstream } = this.#open(instanceId, setting)
    return upstream.bring(identifier, { client: actor.id ?? '', requestId })
  }

  /** undefined: not asked since the server runs, or since it was named. */
  health(instanceId: string, { id }: Setting): UpstreamHealth | undefined {
    const opened = this.#opened.get(instanceId)
    return opened?.setting.id === id ? opened.upstream.health() : undefined
  }

  async close(): Promise<void> {
    await Promise.all([...this.#opened.values()].map(({ calls }) => calls.close()))
  }

  #open(instanceId: string, setting: Setting): Opened {
    const known = this.#opened.get(instanceId)
    if (known?.setting.id === setting.id) return known
    this.#forget(instanceId)
    const { clock, keys, keyOf, onResult, failed } = this.#options
    const calls = new OnDemand({
      clock,
      keys,
      addresses: setting.servers.map(addressOf),
      credentials: async () => {
        const key = await keyOf(setting)
        return key && { cert: setting.certificate, trust: setting.trust, key }
      },
      identify: (requestId) => this.#caller(instanceId, setting, requestId),
      failed,
    })
    const look = (identifier: string, asker: { readonly requestId: string }) =>
      calls.look(identifier, asker.requestId)
    const opened = { setting, calls, upstream: new Upstream({ clock, look, onResult }) }
    this.#opened.set(instanceId, opened)
    return opened
  }

  #forget(instanceId: string): void {
    const opened = this.#opened.get(instanceId)
    if (!opened) return
    this.#opened.delete(instanceId)
    void opened.calls.close()
  }

  /** The server adopts in its own name, at the request that the audit entry names. */
  async #caller(instanceId: string, { id }: Setting, requestId: string): Promise<Caller> {
    const { tables, version } = await this.#options.access.snapshot()
    const now = tables.instance.get(instanceId)?.upstream
    if (now?.id !== id || now.off)
      throw new Fault('GeneralFailure', 'the upstream of this instance was changed meanwhile: try again')
    return { instanceId, actor: serverActor, allow: [], trustVersion: version, requestId }
  }
}
