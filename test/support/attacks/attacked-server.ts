// A server to be attacked, with two instances: the victim's, and its neighbours' with four clients and a thousand keys.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { routes, type RouteName } from '../../../src/program/routes.ts'
import type { Route } from '../../../src/doors/http/route.ts'
import { AdminClient, type AdminTarget } from '../../../src/doors/http/client.ts'
import { makeCertificate } from '../certificates/certificates.ts'
import { openTalk } from '../clients/kmip-talk.ts'
import { startServer, type TestServer } from '../server/server.ts'
import type { ClientTls, Target } from './target.ts'
import { clientRoutes } from '../../../src/features/clients/routes.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'
import { tokenRoutes } from '../../../src/features/tokens/routes.ts'

/** Enough that one Locate over all of them takes some milliseconds. */
const neighbourKeys = 1_000
const neighbourClients = 4

export interface AttackedServer extends AsyncDisposable {
  readonly server: TestServer
  readonly admin: AdminClient
  /** How `admin` reaches the server, as a manager. */
  readonly manager: AdminTarget
  readonly target: Target
  /** Certificate and key of the client whose answers are timed. */
  readonly victim: ClientTls
}

export async function startAttackedServer(): Promise<AttackedServer> {
  await using started = new AsyncDisposableStack()
  const server = started.use(await startServer({ args: ['--kmip-https', '127.0.0.1:0'] }))
  const manager: AdminTarget = {
    url: server.admin,
    token: readFileSync(path.join(server.data, 'admin-token'), 'utf8').trim(),
    trust: { by: 'fingerprint', sha256: server.serverCertSha256 },
  }
  const admin = new AdminClient(manager)
  await admin.call(instanceRoutes.createInstance, { body: { name: 'victim' } })
  await admin.call(instanceRoutes.createInstance, { body: { name: 'neighbours' } })
  const victim = await trusted(admin, 'victim', 'victim')
  const neighbour = await trusted(admin, 'neighbours', 'neighbour')
  const neighbours = [neighbour]
  while (neighbours.length < neighbourClients)
    neighbours.push(await trusted(admin, 'neighbours', `neighbour ${neighbours.length + 1}`))
  const talk = await openTalk({ ...server.kmip, tls: neighbour })
  for (let made = 0; made < neighbourKeys; made++) await talk.create()
  talk.close()
  const { token: viewerToken } = await admin.call(tokenRoutes.createToken, {
    body: { name: 'viewer', role: 'viewer' },
  })
  await countRequests(manager, viewerToken)
  const { hostname, port } = new URL(server.admin)
  const target: Target = {
    kmip: server.kmip,
    kmipHttps: server.kmipHttps,
    admin: { host: hostname, port: Number(port) },
    neighbours,
    viewerToken,
  }
  const owned = started.move()
  return { server, admin, manager, target, victim, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function trusted(admin: AdminClient, instance: string, name: string): Promise<ClientTls> {
  const { certificate, tls } = await makeCertificate({ commonName: name, key: 'ec', ownKey: true })
  const body = { by: 'certificate' as const, name, certificate: certificate.pem, allow: ['all'] }
  await admin.call(clientRoutes.trustClient, { instance, body })
  return tls
}

/** Asks for each route as a viewer and without a token, so that the metrics have as many series as a server that has long been used. */
async function countRequests(manager: AdminTarget, viewerToken: string): Promise<void> {
  for (const token of [viewerToken, 'none']) {
    const client = new AdminClient({ ...manager, token })
    const call = client.call.bind(client) as (name: RouteName, input: object) => Promise<unknown>
    for (const [name, line] of Object.entries(routes) as [RouteName, Route][]) {
      const isRead = line.method === 'get' && !line.slow && line.media === 'application/json'
      if (token === viewerToken && !isRead && line.role === 'viewer') continue
      await call(name, { instance: 'victim', body: {} }).catch(() => undefined)
    }
  }
}
