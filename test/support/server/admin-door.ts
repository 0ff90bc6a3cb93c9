// The admin door on a real store, with tokens of every kind and two instances: for tests of its rules. Tests that go
// through the whole server start it with server.ts instead.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { AdminClient } from '../../../src/doors/http/client.ts'
import { ApprovedActs } from '../../../src/features/approvals/approved-acts.ts'
import type { Backups } from '../../../src/features/backup/backups.ts'
import type { Inventories } from '../../../src/features/inventory/inventories.ts'
import type { KeyExports } from '../../../src/features/key-export/jobs.ts'
import type { Conditions } from '../../../src/core/conditions/conditions.ts'
import type { Plugs } from '../../../src/doors/http/plugs.ts'
import type { RouteRole } from '../../../src/doors/http/route.ts'
import { adminMetrics } from '../../../src/doors/http/metrics.ts'
import { startAdmin, type AdminOptions } from '../../../src/doors/http/server.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { readSettings } from './config.ts'
import { buildCore, type CorePorts } from '../../../src/core/server/core.ts'
import { connectionsMax } from '../../../src/base/bounds.ts'
import { leaveAddress } from '../../../src/host/first-start.ts'
import { openFeatures, type Offered } from '../../../src/program/open-features.ts'
import { openPeople } from '../../../src/host/people.ts'
import { openKmipFeatures } from '../../../src/program/kmip-features.ts'
import { thisMachine } from '../../../src/host/machine.ts'
import { openPorts } from '../../../src/host/ports.ts'
import { ServerTls } from '../../../src/program/server-tls.ts'
import { createLog } from '../../../src/outside/telemetry/log.ts'
import { createMetrics } from '../../../src/outside/telemetry/metrics.ts'
import { metricsIn } from '../../../src/outside/telemetry/metric-table.ts'
import type { Clock } from '../../../src/core/ports/clock.ts'
import type { GuardedAct } from '../../../src/core/ports/guarded-acts.ts'
import type { People } from '../../../src/core/trust/people.ts'
import type { StoreThreads } from '../../../src/outside/store/threads.ts'
import type { Instance } from '../../../src/core/trust/rows.ts'
import { askHttps, type Answer, type Ask } from '../clients/https.ts'
import { useStoredRsaKeys } from '../certificates/rsa-keys.ts'
import { threadsHere } from '../store/threads-here.ts'

export interface TestDoor {
  /** The database's file, for those who edit it by hand. */
  readonly file: string
  readonly url: string
  readonly port: number
  readonly authorityPem: string
  readonly certificateSha256: string
  /** Everything that features need. */
  readonly context: Offered & {
    readonly plugs: Plugs
    readonly conditions: Conditions
    readonly backups: Backups
    readonly inventories: Inventories
    readonly keyExports: KeyExports
  }
  readonly store: CorePorts['store']
  /** Two, of which no client or instance token of one may see the other. */
  readonly red: Instance
  readonly blue: Instance
  /** Carries out what was approved, in the background as the server does it. */
  readonly approvedActs: ApprovedActs
  /** What carries it out after a restart. */
  readonly nextApprovedActs: () => ApprovedActs
  /** Begins sessions of people without asking a provider. */
  readonly people: People
  /** What was reported as bugs so far. */
  readonly bugs: unknown[]
  /** The bearer text of a token. */
  token(role: RouteRole, instance?: Instance, expiresMs?: number): Promise<string>
  /** Asks with a token of its own. */
  client(role: RouteRole, instance?: Instance): Promise<AdminClient>
  ask(method: string, pathAndQuery: string, ask?: Ask): Promise<Answer>
  close(): Promise<void>
}

export type DoorSettings = Partial<
  Pick<
    AdminOptions,
    | 'admission'
    | 'requestTimeoutMs'
    | 'handshakeTimeoutMs'
    | 'subnetOf'
    | 'metrics'
    | 'onAnswer'
    | 'schemaThread'
  >
> & {
  /** Called for what was found altered; left out: nothing may be. */
  readonly alarm?: (message: string) => void
  /** Puts something between the server and its store. */
  readonly around?: (store: CorePorts['store']) => CorePorts['store']
  /** Acts that need a second person. */
  readonly guards?: readonly GuardedAct[]
  readonly clock?: Clock
  /** Left out: those that work. */
  readonly threads?: StoreThreads
  /** Read again by `context.reload`: a test may change it. */
  readonly env?: Readonly<Record<string, string>>
}

/** Leaves in the folder the files by which the command line finds this door, and a manager's token. */
export async function leaveDoor(door: TestDoor, folder: string): Promise<void> {
  await leaveAddress({ dataFolder: folder, adminUrl: door.url, authorityPem: door.authorityPem })
  writeFileSync(path.join(folder, 'admin-token'), await door.token('manager'))
}

export async function startDoor({
  around,
  alarm = fail,
  guards = [],
  clock: turned,
  env = {},
  threads = threadsHere,
  ...options
}: DoorSettings = {}): Promise<TestDoor> {
  useStoredRsaKeys()
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'mortise-admin-'))
  await using opened = new AsyncDisposableStack()
  opened.defer(() => rmSync(dataFolder, { recursive: true, force: true }))
  // No test asks IBM.
  const settings = readSettings({ data: dataFolder }, () => ({
    MORTISE_IBM_IAM_URL: 'https://127.0.0.1:1',
    ...env,
  }))
  const bugs: unknown[] = []
  const log = createLog({ format: 'json', level: 'error', write: (text) => tell(text, alarm) })
  const metrics = createMetrics()
  const { ports, rootKeys, reads } = await openPorts({ settings, log, metrics, threads }, opened)
  const store = around?.(ports.store) ?? ports.store
  const core = await buildCore({ ...ports, store, clock: turned ?? ports.clock }, opened)
  const { trust, secrets, clock } = core
  const tls = await ServerTls.open({ secrets, settings, clock, log })
  const failed = (error: unknown) => void bugs.push(error)
  const people = openPeople(core, settings)
  const { parts: kmip } = await openKmipFeatures({ ...core, log, metrics, settings }, opened)
  const offered: Offered = {
    ...core,
    ...tls.administration,
    about: {
      version: '0.0.0-test',
      startedMs: clock.now(),
      fips: null,
      drafts: [],
      connections: { max: connectionsMax, openFiles: Infinity },
      kmip: '127.0.0.1:5696',
      kmipHttps: null,
      databaseHosts: [],
      certificate: tls.administration.serverCertificate,
    },
    config: settings.now,
    dataFolder,
    guardedActs: guards,
    kmip,
    log,
    machine: thisMachine(dataFolder, {
      adminCertificate: () => tls.adminCertificate,
      auditKeepDays: () => null,
      clock,
      reads,
    }),
    metrics,
    metricsText: async () => 'mortise_test 1\n',
    node: store.node,
    people,
    readiness: () => core.readiness.now(core),
    openRootKey: ports.rootKeys.open,
    rootKey: ports.rootKey,
    rootKeys,
    settings,
    traffic: async () => ({ keysPerMinute: null, connections: 0 }),
    version: '0.0.0-test',
    workerReports: () => [],
    workers: () => null,
  }
  const { services, routes, plugs, conditions } = await openFeatures(offered, opened)
  const { approvals } = services
  const own = { custody: 'database', rootKeyUri: ports.rootKey.uri } as const
  const red = await trust.instances.create(serverActor, { name: 'red', ...own })
  const blue = await trust.instances.create(serverActor, { name: 'blue', ...own })
  const door = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    ...(await tls.admin(settings.now)),
    hosts: ['kms.example.test'],
    routes,
    authentication: offered,
    gate: plugs.approvals.gate,
    audit: core.audit,
    clock,
    subnetOf: (address) => address,
    metrics: metricsIn(metrics.registry, adminMetrics),
    onFailure: (error) => bugs.push(error),
    ...options,
  })
  opened.defer(() => door.close())
  const running = opened.move()
  const authorityPem = tls.authority.certificate.pem
  const token: TestDoor['token'] = async (role, instance, expiresMs) => {
    const instanceId = instance?.id ?? null
    const wanted = { name: `${role} of a test`, role, instanceId, expiresMs: expiresMs ?? null }
    return (await trust.tokens.create(serverActor, wanted)).bearer
  }
  return {
    file: path.join(dataFolder, 'mortise.db'),
    url: door.url,
    port: door.port,
    authorityPem,
    certificateSha256: tls.certificates.active.certificate.sha256,
    context: {
      ...offered,
      plugs,
      conditions,
      backups: services.backup.backups,
      inventories: services.inventory.inventories,
      keyExports: services.keyExport.keyExports,
    },
    store,
    red,
    blue,
    people,
    approvedActs: approvals.approvedActs,
    nextApprovedActs: () => {
      const next = new ApprovedActs({ context: approvals, leases: core.leases, failed })
      running.defer(() => next.stop())
      return next
    },
    bugs,
    token,
    client: async (role, instance) =>
      new AdminClient({
        url: door.url,
        token: await token(role, instance),
        trust: { by: 'authority', pem: authorityPem },
      }),
    ask: async (method, pathAndQuery, ask) => askHttps(door.url, authorityPem, method, pathAndQuery, ask),
    close: () => running.disposeAsync(),
  }
}

function tell(text: string, alarm: (message: string) => void): void {
  const line = JSON.parse(text) as { readonly message: string; readonly alarm?: string }
  if (line.alarm !== undefined) alarm(line.message)
}

function fail(error: unknown): never {
  throw error
}
