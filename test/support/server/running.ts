// The real server inside the test's own process: on loopback, with a folder and free ports of its own, and an
// administrator's client beside it. For tests that ask for much and kill nothing; others start it as a child.

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before } from 'node:test'
import { AdminClient } from '../../../src/doors/http/client.ts'
import { readConfig } from './config.ts'
import { serve } from '../../../src/program/serve.ts'
import { createLog } from '../../../src/outside/telemetry/log.ts'
import { createMetrics } from '../../../src/outside/telemetry/metrics.ts'
import { clientCertificate, type TestIdentity } from '../certificates/certificates.ts'
import { openSession, type KmipSession } from '../clients/kmip-session.ts'
import { useStoredRsaKeys } from '../certificates/rsa-keys.ts'
import { threadsHere } from '../store/threads-here.ts'
import { clientRoutes } from '../../../src/features/clients/routes.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'

export interface RunningServer extends AsyncDisposable {
  readonly port: number
  readonly data: string
  readonly admin: AdminClient
  /** `https://HOST:PORT` */
  readonly adminUrl: string
  readonly serverCertSha256: string
  /** The CA that signed the admin door's certificate, PEM. */
  readonly authorityPem: string
  /** Lines of the log so far, as JSON. */
  readonly log: readonly string[]
  /** Trusts a certificate as a client of the instance `default`, which may ask for everything unless `allow` says less; the client's id. */
  trust(name: string, identity: TestIdentity, allow?: readonly string[]): Promise<string>
}

/**
 * One for all tests of a file: before them it is started, with a trusted client, which may ask for everything unless `allow` says
 * less; after them it is gone. `restrictions`: those of the instance; left out: as a new one has them.
 */
export function useServer(
  ready: (server: RunningServer, session: KmipSession) => void,
  allow?: readonly string[],
  restrictions?: 'as-sent',
): void {
  const used = new AsyncDisposableStack()
  before(async () => {
    const server = used.use(await startInProcess())
    const identity = await clientCertificate('self-signed')
    await server.trust('vcenter', identity, allow)
    if (restrictions)
      await server.admin.call(instanceRoutes.setInstance, { instance: 'default', body: { restrictions } })
    ready(server, used.use(await openSession(server.port, identity)))
  })
  after(() => used.disposeAsync())
}

/** From now on the client of `useServer` may request no more than this. */
export async function allowOnly(server: RunningServer, ...allow: string[]): Promise<void> {
  await server.admin.call(clientRoutes.setClient, { instance: 'default', client: 'vcenter', body: { allow } })
}

/** `given`: a data folder that stays; left out: a new one that is removed at the end. */
export async function startInProcess(given?: string, machineIdFile?: string): Promise<RunningServer> {
  useStoredRsaKeys()
  const data = given ?? (await mkdtemp(path.join(tmpdir(), 'mortise-operations-')))
  const read = () =>
    readConfig({ data, kmip: '127.0.0.1:0', admin: '127.0.0.1:0' }, { MORTISE_KMIP_DRAFTS: '3.0' })
  const log: string[] = []
  const running = await serve({
    config: read(),
    readConfig: read,
    log: createLog({ format: 'json', level: 'info', write: (line) => log.push(line) }),
    metrics: createMetrics(),
    version: '0.0.0-test',
    threads: threadsHere,
    ...(machineIdFile !== undefined && { machineIdFile }),
  })
  const token = (await readFile(path.join(data, 'admin-token'), 'utf8')).trim()
  const admin = new AdminClient({
    url: running.admin,
    token,
    trust: { by: 'fingerprint', sha256: running.serverCertSha256 },
  })
  return {
    port: Number(running.kmip.slice(running.kmip.lastIndexOf(':') + 1)),
    data,
    admin,
    adminUrl: running.admin,
    serverCertSha256: running.serverCertSha256,
    authorityPem: await readFile(path.join(data, 'admin-ca.pem'), 'utf8'),
    log,
    trust: async (name, { certificate }, allow = ['all']) => {
      const body = { by: 'certificate' as const, name, certificate: certificate.pem, allow: [...allow] }
      return (await admin.call(clientRoutes.trustClient, { instance: 'default', body })).id
    },
    [Symbol.asyncDispose]: async () => {
      await running.close()
      if (given === undefined) await rm(data, { recursive: true, force: true })
    },
  }
}
