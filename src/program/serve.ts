// Builds the server from its configuration and starts it. Everything is made here and handed down; nothing imports
// this file but run-server.ts and tests.

import { hostname } from 'node:os'
import { type Reloaded, Settings } from '../host/settings.ts'
import { adminMetrics } from '../doors/http/metrics.ts'
import { startAdmin, type AdminOptions } from '../doors/http/server.ts'
import type { Config } from '../outside/config/options.ts'
import { buildCore, type Core } from '../core/server/core.ts'
import { fipsVersion } from '../host/fips.ts'
import { openTracing } from '../host/tracing.ts'
import { openFeatures, requireFeatures, type Offered, type OpenFeatures } from './open-features.ts'
import { openKmipFeatures } from './kmip-features.ts'
import { openConsole } from './console.ts'
import { openPeople } from '../host/people.ts'
import { openPorts } from '../host/ports.ts'
import { databaseHosts } from '../host/store-place.ts'
import { bootstrap, isUnused, leaveAddress } from '../host/first-start.ts'
import { serverActor } from '../core/audit/actor.ts'
import { BelievedTime } from '../core/audit/believed-time.ts'
import { pruneExpired } from '../core/audit/retention.ts'
import { subnetOf, plainAddress } from '../base/address.ts'
import type { Plugs } from '../doors/http/plugs.ts'
import type { KmipListener } from '../doors/kmip/contract.ts'
import { openKmipDoor, type KmipDoor } from './workers/kmip-door.ts'
import { thisMachine } from '../host/machine.ts'
import type { IdentityKeys } from '../core/identity/identity-keys.ts'
import { ServerTls } from './server-tls.ts'
import type { StoreThreads } from '../outside/store/threads.ts'
import type { LevelledLog } from '../core/ports/log.ts'
import { featureOptions, type AllConfig } from './features.ts'
import type { Metrics } from '../outside/telemetry/metrics.ts'
import { metricsIn } from '../outside/telemetry/metric-table.ts'
import type { Traces } from '../outside/telemetry/traces.ts'
import { Watch, type WatchParts } from '../features/status/watch.ts'
import { createServer, type Server } from 'node:net'
import { bind } from '../doors/kmip/bind.ts'

export interface Running {
  /** HOST:PORT, as clients on this machine reach it. */
  readonly kmip: string
  /** https://HOST:PORT; null: the server takes no KMIP over HTTPS. */
  readonly kmipHttps: string | null
  /** https://HOST:PORT */
  readonly admin: string
  /** Lower-case hex. */
  readonly serverCertSha256: string
  /** The number of clients that are trusted. */
  readonly clients: number
  /** No client is trusted yet, and the first token is in the data folder. */
  readonly isUnused: boolean
  readonly warnings: readonly string[]
  /** Reads the configuration again. Throws Refusal if it is not valid, and changes nothing then. */
  reload(): Promise<Reloaded>
  /** Stops: not ready from now on, then no new connection, then each KMIP request that has arrived is answered. */
  close(): Promise<void>
}

export interface ServeOptions {
  readonly config: AllConfig
  /** Reads the configuration again. Throws ConfigError. */
  readonly readConfig: () => AllConfig
  readonly log: LevelledLog
  readonly metrics: Metrics
  readonly version: string
  /** How the processes log that this one starts; left out: json. */
  readonly logFormat?: 'json' | 'human'
  /** Left out: the system's. */
  readonly machineIdFile?: string
  /** For a new server. Left out: made when the store is open. */
  readonly identityKeys?: IdentityKeys | undefined
  readonly threads?: StoreThreads | undefined
}

/** How far the server is set up, and the warnings for its administrator, with those that only a new server has. */
async function progressOfSetup(
  {
    access,
    dataFolder,
    plugs,
  }: Pick<Core, 'access'> & { readonly dataFolder: string; readonly plugs: Pick<Plugs, 'unusedWarnings'> },
  warnings: readonly string[],
): Promise<Pick<Running, 'clients' | 'isUnused' | 'warnings'>> {
  const clients = (await access.snapshot()).tables.client.size
  if (!(await isUnused(access, dataFolder))) return { clients, isUnused: false, warnings }
  return { clients, isUnused: true, warnings: [...warnings, ...(await plugs.unusedWarnings())] }
}

/** Makes what a first start makes, and checks the marks of destroyed keys. */
async function prepare(core: Core, { server }: Config, failed: (error: unknown) => void): Promise<void> {
  await bootstrap({ ...core, dataFolder: server.data, rootKeyUri: server.rootKey })
  await core.marks.atStart(failed)
}

/** Starts the server; resolves when it serves. Rejects with an error whose message says what to do. */
export async function serve(options: ServeOptions): Promise<Running> {
  const { config, readConfig, log, metrics, version, identityKeys } = options
  const settings = new Settings({ initial: config, read: readConfig, features: featureOptions })
  await requireFreePorts(config)
  await using opened = new AsyncDisposableStack()
  const traces = await openTracing(options, opened)
  const { ports, rootKeys, reads, warnings } = await openPorts({ ...options, settings, traces }, opened)
  const core = await buildCore(ports, opened)
  core.start()
  const { access, audit, clock, readiness, secrets, store } = core
  const dataFolder = config.server.data
  const auditKeepDays = () => settings.now.audit.keep
  const machineParts = { auditKeepDays, clock, reads }
  const failed = (what: string) => (error: unknown) => log.error({ error }, what)
  const tls = await ServerTls.open({ secrets, settings, clock, log, identityKeys })
  opened.defer(() => tls.stop())
  await prepare(core, config, failed('check the marks of destroyed keys'))

  await requireFeatures({ access, config, notes: core.notes })
  const { parts: kmip, fetchUpstream } = await openKmipFeatures({ ...core, log, metrics, settings }, opened)
  const doorOptions = { logFormat: 'json', ...options, settings, tls, traces, fetchUpstream } as const
  const { listener, addresses, ...door } = await openKmipDoor(core, doorOptions, opened)
  const offered = {
    ...core,
    ...tls.administration,
    ...door.seen,
    about: { version, startedMs: clock.now(), ...(await factsOf(config, door, tls)), ...addresses },
    config,
    dataFolder,
    guardedActs: config.approval.for,
    kmip,
    log,
    machine: thisMachine(dataFolder, { ...machineParts, adminCertificate: () => tls.adminCertificate }),
    metrics,
    metricsText: () => watch.metrics(),
    node: store.node,
    openRootKey: ports.rootKeys.open,
    rootKey: ports.rootKey,
    rootKeys,
    settings,
    version,
    people: openPeople(core, settings),
  }
  const open = await openFeatures(offered, opened)
  const watch = openWatch({ core, offered, open, metrics, log, auditKeepDays }, door)
  const admin = await startAdmin({
    ...(await tls.admin(config)),
    ...adminParts(config, { metrics, traces, admission: door.admission }, log),
    ...adminRoutes(offered, open),
  })
  opened.defer(() => admin.close())
  await leaveAddress({ dataFolder, adminUrl: admin.url, authorityPem: tls.authority.certificate.pem })
  await core.leases.announce({ version, kmip: reachable(addresses.kmip), startedMs: offered.about.startedMs })
  tls.start({ listener, admin, audit, onConfig: door.onConfig })
  audit.start(failed('make an audit checkpoint'))
  const running = opened.move()
  running.defer(() => audit.stop())
  watch.start(failed('look for conditions'))
  running.defer(() => drain({ watch, readiness, listener, keys: core.keys }))
  open.start()
  return {
    ...addresses,
    admin: admin.url,
    serverCertSha256: tls.certificates.active.certificate.sha256,
    ...(await progressOfSetup({ access, dataFolder, plugs: open.plugs }, warnings)),
    reload: () => settings.reload(serverActor),
    close: () => running.disposeAsync(),
  }
}

async function factsOf(
  { server, kmip: { drafts } }: Config,
  { connections }: Pick<KmipDoor, 'connections'>,
  { administration }: Pick<ServerTls, 'administration'>,
) {
  return {
    fips: await fipsVersion(server.data),
    drafts,
    connections,
    certificate: administration.serverCertificate,
    databaseHosts: databaseHosts(server),
  }
}

function openWatch(
  {
    core,
    offered,
    open: { conditions, measure, plugs },
    auditKeepDays,
    ...parts
  }: Pick<WatchParts, 'metrics' | 'log'> & {
    readonly core: Core
    readonly offered: Offered
    readonly open: OpenFeatures
    readonly auditKeepDays: () => number | null
  },
  { alarms, reports }: Pick<WatchParts, 'alarms' | 'reports'>,
): Watch {
  const believed = new BelievedTime(core)
  const auditKeepers = () => plugs.auditKeepers.facts()
  const prune = () => pruneExpired({ ...core, believed, auditKeepers }, auditKeepDays())
  return new Watch({
    ...parts,
    context: { ...offered, conditions, marks: core.marks },
    measure,
    prune,
    store: core.store,
    alarms,
    reports,
  })
}

/** Runs first when the server stops: the admin API still answers, and says that this node is not ready. */
async function drain(parts: {
  readonly watch: Watch
  readonly readiness: Core['readiness']
  readonly listener: Pick<KmipListener, 'close'>
  readonly keys: Pick<Core['keys'], 'close'>
}): Promise<void> {
  parts.watch.stop()
  parts.readiness.stopping()
  await parts.listener.close()
  // The last checkpoint signs for the refusals that were counted.
  await parts.keys.close()
}

/** An address that listens everywhere is the machine's. */
function reachable(kmip: string): string {
  return kmip.replace(/^(?:0\.0\.0\.0|\[::\]):/, `${hostname()}:`)
}

/** The routes of the admin API, and the parts with which each request is checked. */
function adminRoutes(
  offered: Offered,
  { routes, plugs }: OpenFeatures,
): Pick<AdminOptions, 'routes' | 'authentication' | 'gate' | 'audit' | 'clock'> {
  const { audit, clock } = offered
  return { routes, authentication: offered, gate: plugs.approvals.gate, audit, clock }
}

/** The counts and reports of the admin API, and the console beside it. */
function adminParts(
  { admin }: Config,
  {
    metrics,
    traces,
    admission,
  }: { readonly metrics: Metrics; readonly traces: Traces } & Pick<KmipDoor, 'admission'>,
  log: LevelledLog,
): Pick<
  AdminOptions,
  'admission' | 'host' | 'port' | 'subnetOf' | 'metrics' | 'onAnswer' | 'onFailure' | 'console'
> {
  return {
    ...admin.listen,
    admission,
    console: admin.console ? openConsole() : undefined,
    subnetOf: (address) => subnetOf(plainAddress(address)),
    metrics: metricsIn(metrics.registry, adminMetrics),
    onAnswer: ({ route, status, seconds }) => traces.measured(`admin ${route}`, { status }, seconds),
    onFailure: (error, about) => log.error({ error, ...about }, 'an admin request failed'),
  }
}

/**
 * Tries whether the server can listen where the configuration says, before it writes anything: a first start on a port that is in use would leave
 * a data folder with a root key and a token. Rejects with an error for people. Another program may still take a port before the server listens there.
 */
async function requireFreePorts({ kmip, admin }: Pick<Config, 'kmip' | 'admin'>): Promise<void> {
  const held: Server[] = []
  try {
    for (const address of [kmip.listen, kmip.https, admin.listen]) {
      if (address === null || address.port === 0) continue
      const server = createServer()
      await bind(server, address, 1)
      held.push(server)
    }
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
  }
}
