// Opens the door for KMIP: in this process, or with `server.workers` above 1 in several. Part of the composition root.

import { availableParallelism } from 'node:os'
import type { ReadinessFacts, Traffic, WorkerFacts } from '../../core/server/readiness-facts.ts'
import type { KmipReports } from '../kmip-features.ts'
import { Admission } from '../../doors/admission/admission.ts'
import type { AllConfig } from '../features.ts'
import type { FetchUpstream } from '../../core/keys/transaction/missing-object.ts'
import type { Core } from '../../core/server/core.ts'
import type { KmipListener, ListenerOptions } from '../../doors/kmip/contract.ts'
import { listen } from '../../doors/kmip/listener.ts'
import type { MetricsReport } from '../../outside/telemetry/aggregate.ts'
import type { Traces } from '../../outside/telemetry/traces.ts'
import { TrafficMeter } from './traffic.ts'
import { connectionLimits, openFilesMax } from '../open-files.ts'
import { openListener } from '../kmip-listener.ts'
import type { PortOptions } from '../../host/ports.ts'
import type { ServerTls } from '../server-tls.ts'
import { storePlaceOf } from '../../host/store-place.ts'
import type { FromWorker, LogStyle } from './worker-messages.ts'
import { chainLeftRecords } from './worker-folders.ts'
import { readinessOfAll } from '../../core/server/readiness-facts.ts'
import { shownAddresses, Workers } from './workers.ts'

interface DoorOptions extends PortOptions {
  readonly config: AllConfig
  readonly tls: ServerTls
  readonly traces: Traces
  /** The workers' logs look alike. */
  readonly logFormat: LogStyle['format']
  readonly version: string
  readonly fetchUpstream: FetchUpstream | undefined
}

export interface KmipDoor {
  /** The doors of this process share it. */
  readonly admission: Admission
  readonly listener: Pick<KmipListener, 'setServerCertificate' | 'close'>
  readonly addresses: {
    /** HOST:PORT */
    readonly kmip: string
    /** https://HOST:PORT; null: it takes no HTTPS. */
    readonly kmipHttps: string | null
  }
  /** Live options have changed. */
  readonly onConfig: (config: AllConfig) => void
  /** The admin API says this of the whole node; with workers, this process alone knows only a part. */
  readonly seen: {
    readonly readiness: () => Promise<ReadinessFacts>
    readonly workerReports: () => readonly KmipReports[]
    /** null: the server itself serves. */
    readonly workers: () => WorkerFacts | null
    readonly traffic: () => Promise<Traffic>
  }
  readonly connections: { readonly max: number; readonly openFiles: number }
  readonly alarms: () => Promise<number>
  /** The metrics of the other processes. */
  readonly reports: () => Promise<readonly MetricsReport[]>
}

/** `auto`: one for each core where that is possible. */
function workersOf({ server }: Pick<AllConfig, 'server'>): number {
  if (server.workers !== 'auto') return server.workers
  return storePlaceOf(server).kind === 'sqlite' ? 1 : availableParallelism()
}

/** Registers what must be closed on `opened`. */
export async function openKmipDoor(
  core: Core,
  options: DoorOptions,
  opened: AsyncDisposableStack,
): Promise<KmipDoor> {
  const { readiness, alarms, clock } = core
  const own = () => readiness.now(core)
  const count = workersOf(options.config)
  const { drafts } = options.config.kmip
  if (drafts.length > 0)
    options.log.warn({ drafts }, 'kmip.drafts: this server speaks a draft of KMIP, which may still change')
  await chainLeftRecords(options, count > 1 ? count : 0)
  const openFiles = openFilesMax()
  const bounds = connectionLimits(openFiles, count)
  const connections = { max: bounds.connectionsMax * count, openFiles }
  const admission = new Admission({ now: () => clock.monotonic() })
  if (count > 1) return openWorkers(core, { ...options, count, connections, admission, here: own }, opened)
  const { listen: address, https } = options.config.kmip
  const addresses = { ...address, https: https ?? undefined }
  const open = (rest: ListenerOptions) => listen({ ...addresses, ...rest, limits: bounds })
  const listener = await openListener(core, { ...options, admission }, open, opened)
  return {
    admission,
    listener,
    addresses: shownAddresses(listener),
    onConfig: () => {},
    seen: {
      readiness: own,
      workerReports: () => [],
      workers: () => null,
      traffic: trafficOf(core, options, noReports, opened),
    },
    connections,
    alarms: async () => alarms.count,
    reports: noReports,
  }
}

async function openWorkers(
  { clock, pending, unservedVersions, alarms }: Core,
  options: DoorOptions &
    Pick<KmipDoor, 'connections' | 'admission'> & {
      readonly count: number
      readonly here: KmipDoor['seen']['readiness']
    },
  opened: AsyncDisposableStack,
): Promise<KmipDoor> {
  const { config, log, logFormat: format, metrics, here, count, version, connections, admission } = options
  const onReport = (message: FromWorker & { readonly type: 'pending' | 'unserved' }) => {
    if (message.type === 'unserved') return unservedVersions.note(message.client, message.version)
    for (const { certificate, sha256, address, attempts } of message.clients)
      pending.recordUnknown({ der: certificate, sha256 }, address, attempts)
  }
  const workers = await Workers.start({
    count,
    version,
    config,
    clock,
    log,
    waitingMax: connectionLimits(connections.openFiles, 1).connectionsMax,
    logStyle: { format, level: config.log.level },
    onReport,
    onEnded: () => metrics.workerEnds.inc(),
  })
  opened.defer(() => workers.close())
  let last: Awaited<ReturnType<Workers['states']>> = []
  const states = async () => (last = await workers.states())
  return {
    admission,
    listener: workers,
    addresses: shownAddresses(workers),
    onConfig: (next) => workers.setConfig(next),
    seen: {
      readiness: async () => {
        const [ours, theirs] = await Promise.all([here(), states()])
        return readinessOfAll(
          ours,
          theirs.map((state) => state.readiness),
          workers.facts,
        )
      },
      workerReports: () => last.map(({ features }) => features),
      workers: () => workers.facts,
      traffic: trafficOf({ clock }, options, () => workers.metrics(), opened),
    },
    connections,
    alarms: async () => (await states()).reduce((sum, state) => sum + state.alarms, alarms.count),
    reports: () => workers.metrics(),
  }
}

const noReports = async () => Promise.resolve([])

function trafficOf(
  { clock }: Pick<Core, 'clock'>,
  { metrics, log }: Pick<DoorOptions, 'metrics' | 'log'>,
  reports: KmipDoor['reports'],
  opened: AsyncDisposableStack,
): KmipDoor['seen']['traffic'] {
  const meter = new TrafficMeter({ registry: metrics.registry, reports, clock })
  opened.defer(() => meter.stop())
  meter.start((error) => log.error({ error }, 'count what clients fetch'))
  return () => meter.now()
}
