// The upstreams of all instances: finds the one that a client's instance names, as of now, and asks it for an object that is
// unknown here. An instance without one, or whose upstream is off, asks no server.

import { serverActor } from '../../core/audit/actor.ts'
import type { Keys } from '../../core/keys/keys.ts'
import type { UpstreamKeys } from '../../core/instances/upstream-keys.ts'
import type { Log } from '../../core/ports/log.ts'
import type { OptionValues } from '../../base/option.ts'
import { counter } from '../../base/metric.ts'
import { metricsIn } from '../../outside/telemetry/metric-table.ts'
import type { Metrics } from '../../outside/telemetry/metrics.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import { uniqueIdentifierBytesMax } from '../../base/bounds.ts'
import { upstreamWaitMs } from './bounds.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Caller } from '../../core/trust/caller.ts'
import type { Access } from '../../core/trust/access.ts'
import type { Upstream as Setting } from '../../core/trust/upstream.ts'
import { AdoptionFailed } from './failure.ts'
import { OldHosts } from './old-hosts.ts'
import type { adoptionOptions } from './options.ts'
import { addressOf } from './old-server.ts'
import { OnDemand } from './on-demand.ts'
import { healthOfAll, type UpstreamHealth } from './upstream-health.ts'
import { UpstreamTrials, type TrialsOptions } from './upstream-trial.ts'
import { OldServerUpstream, type AskResult } from './upstream.ts'

interface UpstreamsOptions {
  readonly clock: Clock
  readonly keys: Pick<Keys, 'perform'>
  readonly access: Pick<Access, 'instance' | 'snapshot'>
  /** The private key of a setting in PEM, the caller's to wipe. */
  readonly keyOf: (setting: Setting) => Promise<Buffer | undefined>
  readonly hosts: OldHosts
  readonly onResult: (result: AskResult) => void
  readonly onUntold: TrialsOptions['onUntold']
  /** Called with bugs and outages. */
  readonly failed: (error: unknown) => void
}

/** The health of the upstreams that one process asked: by instance, for the setting of this id. */
export type UpstreamReport = ReadonlyMap<string, { readonly id: string; readonly health: UpstreamHealth }>

interface Opened {
  readonly setting: Setting
  readonly upstream: OldServerUpstream
  readonly calls: OnDemand
}

export interface UpstreamNeeds {
  readonly access: Pick<Access, 'instance' | 'snapshot'>
  readonly clock: Clock
  readonly keys: Pick<Keys, 'perform'>
  readonly log: Log
  readonly metrics: Pick<Metrics, 'registry'>
  readonly settings: { readonly now: OptionValues<typeof adoptionOptions> }
  readonly upstreamKeys: Pick<UpstreamKeys, 'of'>
}

/** Each process that serves KMIP counts its own. */
export const upstreamCounters = {
  upstreamAsks: counter(
    'upstream_asks_total',
    'Requests for objects that an upstream was asked for, by result.',
    'result',
  ),
}

/** Opens those of one process that serves KMIP. Registers what must be closed on `opened`. */
export function openUpstreams(
  { access, clock, keys, log, metrics, settings, upstreamKeys }: UpstreamNeeds,
  opened: AsyncDisposableStack,
): Upstreams {
  const { upstreamAsks } = metricsIn(metrics.registry, upstreamCounters)
  const upstreams = new Upstreams({
    access,
    clock,
    keys,
    keyOf: (setting) => upstreamKeys.of(setting),
    hosts: new OldHosts(() => settings.now.adopt.hosts),
    onResult: (result) => upstreamAsks.inc({ result }),
    onUntold: (error, about) => log.warn({ error, ...about }, 'an old server cannot be used'),
    failed: (error) => log.error({ error }, 'adopt an object from the upstream'),
  })
  opened.defer(() => upstreams.close())
  return upstreams
}

export class Upstreams {
  readonly trials: UpstreamTrials
  readonly #options: UpstreamsOptions
  /** By instance. */
  readonly #opened = new Map<string, Opened>()

  constructor(options: UpstreamsOptions) {
    this.#options = options
    this.trials = new UpstreamTrials(options)
  }

  /**
   * Asks for an object that the caller's instance does not have. true: it has it now. false: the upstream does not have
   * it either. Throws a Fault if that is unknown.
   */
  readonly fetchUpstream = async (
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
    if (bytes === 0 || bytes > uniqueIdentifierBytesMax) return false
    if (setting.off)
      throw new Fault(
        'GeneralFailure',
        'the old server, which may have this object, is not asked since a restore: a manager must turn the upstream on',
      )
    requireAllowed(this.#options.hosts, setting)
    const { upstream } = this.#open(instanceId, setting)
    return upstream.bring(identifier, { client: actor.id ?? '', requestId })
  }

  /** `elsewhere`: from the other processes of this node. undefined: not asked since the server runs, or since it was named. */
  health(
    instanceId: string,
    { id }: Setting,
    elsewhere: readonly UpstreamReport[] = [],
  ): UpstreamHealth | undefined {
    const opened = this.#opened.get(instanceId)
    const own = opened && { id: opened.setting.id, health: opened.upstream.health() }
    const known = [own, ...elsewhere.map((report) => report.get(instanceId))]
    return healthOfAll(known.flatMap((one) => (one?.id === id ? [one.health] : [])))
  }

  async report(): Promise<UpstreamReport> {
    // The server says already that the store cannot be read.
    const trust = await Promise.resolve(this.#options.access.snapshot()).catch(() => undefined)
    return new Map(
      [...(trust?.tables.instance.values() ?? [])].flatMap(({ id, upstream }) => {
        const health = upstream && this.health(id, upstream)
        return health ? [[id, { id: upstream.id, health }] as const] : []
      }),
    )
  }

  async close(): Promise<void> {
    await Promise.all([...this.#opened.values()].map(({ calls }) => calls.close()))
  }

  #open(instanceId: string, setting: Setting): Opened {
    const known = this.#opened.get(instanceId)
    if (known?.setting.id === setting.id) return known
    this.#forget(instanceId)
    const { clock, keys, keyOf, onResult, onUntold, failed } = this.#options
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
    const look = async (identifier: string, { requestId }: { readonly requestId: string }) => {
      const endsAt = clock.monotonic() + upstreamWaitMs
      const answer = await calls.look(identifier, requestId)
      if (answer.is === 'unanswered' && !upstream.health().failing)
        onUntold(new Error(answer.message), { instanceId })
      // The time to a no must not tell a client whether the port is closed or the host is away: see upstream-trial.ts.
      if (answer.is === 'unanswered' && !this.trials.mayTellAll(setting.servers))
        await clock.sleep(Math.max(0, endsAt - clock.monotonic()))
      return answer
    }
    const upstream: OldServerUpstream = new OldServerUpstream({ clock, look, onResult })
    const opened = { setting, calls, upstream }
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

/** Throws a Fault if an administrator listed hosts after the upstream was named, and it is not among them. */
function requireAllowed(hosts: OldHosts, { servers }: Setting): void {
  try {
    hosts.require(servers)
  } catch (error) {
    if (!(error instanceof AdoptionFailed)) throw error
    const message = `the old server, which may have this object, is not asked: ${error.message}`
    throw new Fault('GeneralFailure', message, { cause: error })
  }
}
