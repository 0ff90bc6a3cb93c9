// One process that serves KMIP: it has a store connection, an audit writer, an access log, an anchor and a lease of its own, as a node
// has, and opens the root keys itself. It does no background work and has no admin API. What people should know of it, it
// tells the server. Part of the composition root.

import type { Socket } from 'node:net'
import { serverActor } from '../../core/audit/actor.ts'
import { featureOptions, type AllConfig } from '../features.ts'
import { buildCore, type Core } from '../../core/server/core.ts'
import { subnetOf } from '../../base/address.ts'
import type { ListenerOptions } from '../../doors/kmip/contract.ts'
import type { ListenerLimits } from '../../doors/kmip/listener-limits.ts'
import { Admission } from '../../doors/admission/admission.ts'
import { listenToHanded } from '../../doors/kmip/listener.ts'
import { bufferedBytesMax, messageBytesMax } from '../../base/bounds.ts'
import { certificateOrNull } from '../../core/pki/certificate.ts'
import type { PendingClient } from '../../core/ports/trust.ts'
import type { Store } from '../../core/ports/store.ts'
import type { LevelledLog } from '../../core/ports/log.ts'
import { createMetrics } from '../../outside/telemetry/metrics.ts'
import { Pending } from '../../core/trust/pending.ts'
import { RestoreNotAccepted } from '../../core/server/anchor.ts'
import { connectionLimits, openFilesMax } from '../open-files.ts'
import { openKmipFeatures } from '../kmip-features.ts'
import { openListener } from '../kmip-listener.ts'
import { openPorts, type PortOptions } from '../../host/ports.ts'
import { openTracing } from '../../host/tracing.ts'
import { acceptWorker } from '../../host/restore-accept.ts'
import { ServerTls } from '../server-tls.ts'
import { Settings } from '../../host/settings.ts'
import { workerPlace } from '../../host/store-place.ts'
import type { FromWorker, ToWorker, WorkerReports, WorkerStart } from './worker-messages.ts'

export interface RunningWorker {
  /** `socket`: undefined if the client left while it was handed over. */
  receive(message: ToWorker, socket: Socket | undefined): Promise<void>
  /** Answers each request that has arrived, and moves what it noted into the audit. */
  close(): Promise<void>
}

export interface WorkerParts {
  readonly start: WorkerStart
  readonly log: LevelledLog
  readonly send: (message: FromWorker) => void
}

/** Resolves when it serves. Rejects with an error whose message says what to do. */
export async function runWorker(parts: WorkerParts): Promise<RunningWorker> {
  const { start, log } = parts
  let { config } = start
  const settings = new Settings({ initial: config, read: () => config, features: featureOptions })
  const own = workerPlace(config.server, start.number)
  const options = { settings, log, metrics: createMetrics(), own }
  const setConfig = async (next: AllConfig) => {
    config = next
    await settings.reload(serverActor)
    log.level = next.log.level
  }
  try {
    return await serveHanded(parts, options, setConfig)
  } catch (error) {
    if (!(error instanceof RestoreNotAccepted && error.elsewhere)) throw error
    await acceptWorker(options)
    return serveHanded(parts, options, setConfig)
  }
}

async function serveHanded(
  { start: { config, count, version }, log, send }: WorkerParts,
  options: PortOptions & { readonly settings: Settings<AllConfig> },
  setConfig: (config: AllConfig) => Promise<void>,
): Promise<RunningWorker> {
  const { settings, metrics } = options
  await using opened = new AsyncDisposableStack()
  const traces = await openTracing({ config, log, version }, opened)
  const { ports } = await openPorts({ ...options, traces }, opened)
  const core = await buildCore(ports, opened)
  const { access, clock, keyring, readiness, secrets } = core
  readiness.rootKeys.start({ access, keyring })
  const tls = await ServerTls.open({ secrets, settings, clock, log })
  opened.defer(() => tls.stop())
  const notes = await openNotes(core, send, opened)
  const limits = shareOf(count)
  const admission = new Admission({ limits, now: () => clock.monotonic() })
  const features = await openKmipFeatures({ ...core, log, metrics, settings }, opened)
  const { fetchUpstream } = features
  const parts = { config, tls, log, metrics, traces, version, admission, fetchUpstream, notes }
  const open = (rest: ListenerOptions) => listenToHanded({ ...rest, limits })
  const listener = await openListener(core, parts, open, opened)
  const show = () => {
    const { serverCertificate, ticketKeys } = tls.certificates.shown
    listener.setServerCertificate(serverCertificate, ticketKeys)
  }
  tls.certificates.start(async () => show())
  const running = opened.move()
  running.defer(() => {
    readiness.stopping()
    return listener.close()
  })
  const reports: { readonly [What in keyof WorkerReports]: () => Promise<WorkerReports[What]> } = {
    state: async () => ({
      readiness: await readiness.now(core),
      alarms: core.alarms.count,
      features: await features.reports(),
    }),
    metrics: () => metrics.registry.getMetricsAsJSON(),
  }
  return {
    async receive(message, socket) {
      switch (message.type) {
        case 'connection': {
          const { id, wire } = message
          if (!socket) return send({ type: 'closed', id })
          socket.once('close', () => send({ type: 'closed', id }))
          return listener.take(socket, wire)
        }
        case 'config':
          return setConfig(message.config)
        case 'certificates':
          await tls.certificates.look()
          return show()
        case 'report?':
          return send({ type: 'report', id: message.id, report: await reports[message.what]() })
        case 'start':
        case 'stop':
          return
        default:
          return message satisfies never
      }
    },
    close: () => running.disposeAsync(),
  }
}

/** The server has the lists of what an administrator should know. */
async function openNotes(core: Core, send: WorkerParts['send'], opened: AsyncDisposableStack) {
  const pending = await openReported(core, (clients) => send({ type: 'pending', clients }))
  opened.defer(() => pending.close())
  const note: Core['unservedVersions']['note'] = ({ id, instanceId }, version) =>
    send({ type: 'unserved', client: { id, instanceId }, version })
  return { pending, unservedVersions: { note } }
}

/** Bounds that hold for the node as a whole. The server spreads each address evenly over the workers. */
function shareOf(count: number): Partial<ListenerLimits> {
  const bytes = Math.ceil(bufferedBytesMax / count)
  return {
    ...connectionLimits(openFilesMax(), count),
    bufferedBytesMax: Math.max(4 * messageBytesMax, bytes),
  }
}

/** The unknown clients of this process, in a list with the same bounds as the server's. It sends what is new at most once a second. */
async function openReported(
  { clock }: Pick<Core, 'clock'>,
  tell: (clients: readonly PendingClient[]) => void,
): Promise<Pending> {
  const reported = new Map<string, number>()
  const commit: Store['commit'] = async ({ writes }) => {
    for (const write of writes)
      if (write.type === 'pending') {
        const since = write.clients.map((client) => ({
          ...client,
          attempts: client.attempts - (reported.get(client.sha256) ?? 0),
        }))
        for (const sha256 of write.removed) reported.delete(sha256)
        for (const { sha256, attempts } of write.clients) reported.set(sha256, attempts)
        tell(since.filter(({ attempts }) => attempts > 0))
      }
  }
  const store = { pending: async () => [], commit }
  return Pending.open({ store, clock, describe: certificateOrNull, subnetOf, failed: () => {} })
}
