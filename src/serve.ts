// The composition root: builds the server from its configuration and starts it. Everything is made here and handed down;
// nothing imports this file but main.ts and tests.

import { isIPv6 } from 'node:net'
import { startAdmin } from './admin/server.ts'
import type { Config } from './config.ts'
import { openCore } from './core.ts'
import { bootstrap, leaveAddress } from './first-start.ts'
import { matchesCredential } from './keys/credential.ts'
import { createAnswerer } from './kmip-server/answerer.ts'
import { listen } from './kmip-server/listener.ts'
import { handlersFor } from './operations/handlers.ts'
import { privateKeyPem } from './pki/issue.ts'
import { openServerIdentity } from './server-identity.ts'
import { messageFirst, type Log } from './telemetry/log.ts'
import { doorMetrics, type Metrics } from './telemetry/metrics.ts'
import { Watch } from './watch.ts'

export interface Running {
  /** HOST:PORT, as clients on this machine reach it. */
  readonly kmip: string
  /** https://HOST:PORT */
  readonly admin: string
  /** Lower-case hex. */
  readonly serverCertSha256: string
  /** The store was made by this start. */
  readonly firstStart: boolean
  readonly warnings: readonly string[]
  close(): Promise<void>
}

export interface ServeOptions {
  readonly config: Config
  readonly log: Log
  readonly metrics: Metrics
  readonly version: string
}

/** Starts the server; resolves when it serves. Rejects with an error whose message says what to do. */
export async function serve({ config, log, metrics, version }: ServeOptions): Promise<Running> {
  await using opened = new AsyncDisposableStack()
  const core = await openCore({ config, log, metrics }, opened)
  const { access, audit, clock, keyring, readiness, secrets, store, trust, firstStart, warnings } = core
  const dataFolder = config.server.data
  const failed = (what: string) => (error: unknown) => log.error({ error }, what)
  const identity = await openServerIdentity(secrets, config.server.names, clock.now())
  await bootstrap({ access, trust, dataFolder, rootKeyUri: config.server.rootKey })

  const doorLog = messageFirst(log)
  const answerer = createAnswerer({
    ...core,
    log: doorLog,
    handlers: handlersFor(version),
    matchesCredential,
    greeted: (verdict) => metrics.peers.inc({ verdict }),
    operated: ({ operation, result, seconds }) =>
      metrics.operations.observe({ operation: operation ?? 'unknown', result }, seconds),
  })
  const { server } = identity
  const door = await listen({
    ...config.kmip.listen,
    ...answerer,
    serverCertificate: { certificate: server.certificate.pem, key: privateKeyPem(server.privateKey) },
    ticketKeys: identity.ticketKeys,
    log: doorLog,
    metrics: doorMetrics(metrics),
    clock,
  })
  opened.defer(() => door.close())
  const kmip = `${isIPv6(door.address) ? `[${door.address}]` : door.address}:${door.port}`
  const context = {
    ...core,
    authority: identity.authority,
    serverCertificate: () => server.certificate,
    readiness: () => readiness.now({ store, access, keyring }),
    about: { version, startedMs: clock.now(), kmip },
  }
  const watch = new Watch({ context, store, metrics, log, alarms: () => readiness.alarms })
  const admin = await startAdmin({
    ...config.admin.listen,
    tls: { cert: server.certificate.pem, key: privateKeyPem(server.privateKey) },
    hosts: [...config.admin.hosts, ...config.server.names],
    context: { ...context, metrics: () => watch.metrics() },
    answered: ({ route, status, seconds }) =>
      metrics.adminRequests.observe({ route, status: String(status) }, seconds),
    failed: (error, about) => log.error({ error, ...about }, 'an admin request failed'),
  })
  opened.defer(() => admin.close())
  await leaveAddress({ dataFolder, adminUrl: admin.url, authorityPem: identity.authority.certificate.pem })
  audit.start(failed('make an audit checkpoint'))
  const running = opened.move()
  running.defer(() => audit.stop())
  watch.start(failed('look for what needs somebody'))
  running.defer(() => watch.stop())
  return {
    kmip,
    admin: admin.url,
    serverCertSha256: server.certificate.sha256,
    firstStart,
    warnings,
    close: () => running.disposeAsync(),
  }
}
