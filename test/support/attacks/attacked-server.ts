// A server to be attacked, with two instances: the victim's, and its neighbour's with a thousand keys.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { AdminClient } from '../../../src/admin/client.ts'
import { makeCertificate, type TestIdentity } from '../certificates.ts'
import { openTalk } from '../kmip-talk.ts'
import { startServer, type TestServer } from '../server.ts'
import type { Target } from './target.ts'

/** Enough that one Locate over all of them takes some milliseconds. */
const neighbourKeys = 1_000

export interface AttackedServer extends AsyncDisposable {
  readonly server: TestServer
  readonly admin: AdminClient
  readonly target: Target
  /** Certificate and key of the client whose answers are timed. */
  readonly victim: TestIdentity['tls']
}

export async function startAttackedServer(): Promise<AttackedServer> {
  await using started = new AsyncDisposableStack()
  const server = started.use(await startServer())
  const admin = new AdminClient({
    url: server.admin,
    token: readFileSync(path.join(server.data, 'admin-token'), 'utf8').trim(),
    trust: { by: 'fingerprint', sha256: server.serverCertSha256 },
  })
  const victim = await trusted(admin, 'victim')
  const neighbour = await trusted(admin, 'neighbour')
  const talk = await openTalk({ ...server.kmip, tls: neighbour })
  for (let made = 0; made < neighbourKeys; made++) await talk.create()
  talk.close()
  const { hostname, port } = new URL(server.admin)
  const target = { kmip: server.kmip, admin: { host: hostname, port: Number(port) }, neighbour }
  const owned = started.move()
  return { server, admin, target, victim, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** A client in an instance of its own name. */
async function trusted(admin: AdminClient, name: string): Promise<TestIdentity['tls']> {
  const { certificate, tls } = await makeCertificate({ commonName: name, key: 'ec', ownKey: true })
  await admin.call('createInstance', { body: { name } })
  const body = { by: 'certificate', name, certificate: certificate.pem } as const
  await admin.call('trustClient', { instance: name, body })
  return tls
}
