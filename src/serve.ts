// The composition root: builds the server from its configuration and starts it. Everything is made here and handed down;
// nothing imports this file but main.ts and tests.

import { mkdir } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import path from 'node:path'
import { startAdmin } from './admin/server.ts'
import type { Config } from './config.ts'
import { bootstrap, leaveAddress, readPassphrase } from './first-start.ts'
import { Access } from './keys/access.ts'
import { Audit } from './keys/audit.ts'
import { matchesCredential } from './keys/credential.ts'
import { Keyring } from './keys/keyring.ts'
import { Keys } from './keys/keys.ts'
import { Pending } from './keys/pending.ts'
import type { Clock } from './keys/ports.ts'
import { Secrets } from './keys/secrets.ts'
import { Sightings } from './keys/sightings.ts'
import { createTrustChanges } from './keys/trust-changes.ts'
import { createAnswerer } from './kmip-server/answerer.ts'
import { listen } from './kmip-server/listener.ts'
import { handlersFor } from './operations/handlers.ts'
import { filtersOverlap, matchesSubject, sameAuthority, signedBy, validity } from './pki/match.ts'
import { privateKeyPem } from './pki/issue.ts'
import { openRootKey } from './rootkey/open.ts'
import { serverRootKeys } from './root-keys.ts'
import { openServerIdentity } from './server-identity.ts'
import { openSqliteStore } from './store/open.ts'
import { Readiness } from './readiness.ts'
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
  const clock: Clock = { now: Date.now, monotonic: () => performance.now() }
  const dataFolder = config.server.data
  await mkdir(dataFolder, { recursive: true, mode: 0o700 })
  await using opened = new AsyncDisposableStack()
  const onTrouble = (message: string) => log.error({}, message)
  const store = await openSqliteStore({
    file: path.join(dataFolder, 'mortise.db'),
    ...{ clock, onTrouble },
    onCommit: ({ result, seconds }) => metrics.commits.observe({ result }, seconds),
  })
  opened.defer(() => store.close())

  const firstStart = (await store.trustVersion()) === 0
  const passphrase = await readPassphrase(config.server.rootPassphraseFile)
  const opening = { dataFolder, ...(passphrase && { passphrase }) }
  const rootKey = await openRootKey(config.server.rootKey, { ...opening, create: firstStart })
  const rootKeys = serverRootKeys({ own: rootKey, opening, metrics, clock })
  const secrets = await Secrets.open(store, rootKey)
  const failed = (what: string) => (error: unknown) => log.error({ error }, what)

  const audit = await Audit.open(store, clock, secrets, (checkpoint) => {
    log.info({ checkpoint }, 'audit checkpoint')
  })
  const readiness = new Readiness(log, clock, metrics)
  const certificates = { validity, signedBy, matchesSubject }
  const access = new Access({
    ...{ store, macs: secrets, clock, certificates },
    alarm: readiness.alarm,
    versionAtLeast: await audit.signedTrustVersion(),
    seenWhole: (version) => audit.noteTrust(version),
  })
  const keyring = new Keyring({ store, clock, events: readiness, openRootKey: rootKeys.open })
  const signTrust = () => access.snapshot().then(() => audit.checkpoint())
  const trust = createTrustChanges({
    ...{ store, macs: secrets, clock, access, keyring, filtersOverlap, sameAuthority },
    changed: () => void signTrust().catch(failed('sign for a change of trust')),
  })
  const keys = new Keys({ store, keyring, access, clock, durableReads: config.audit.reads === 'durable' })
  const pending = await Pending.open(store, clock, failed('write the pending clients'))
  opened.defer(() => pending.close())
  const sightings = new Sightings(store, clock, failed('write when clients were last seen'))
  opened.defer(() => sightings.flush())
  const identity = await openServerIdentity(secrets, config.server.names, clock.now())
  await bootstrap({ access, trust, dataFolder, rootKeyUri: config.server.rootKey })

  const doorLog = messageFirst(log)
  const answerer = createAnswerer({
    ...{ access, keys, pending, sightings, audit, clock },
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
    ...{ access, trust, pending, audit, keys, store, rootKeys, sightings, clock },
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
    warnings: rootKey.warnings,
    close: () => running.disposeAsync(),
  }
}
