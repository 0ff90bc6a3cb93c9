// A real server with an instance under a root key in a cloud, and a client of it: for tests that take the root key away.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { askHttps } from '../../support/clients/https.ts'
import { openTalk, type KmipTalk } from '../../support/clients/kmip-talk.ts'
import { startEmbedded, type EmbeddedServer } from '../../support/server/server.ts'

export interface CloudSite extends AsyncDisposable {
  readonly server: EmbeddedServer
  /** A new connection of the client. */
  talk(): Promise<KmipTalk>
  /** Stops the server and starts it again on the same data. */
  restart(): Promise<void>
  /** The body of /health/ready. */
  health(): Promise<{ readonly degraded: readonly string[] }>
  /** The actions in the audit log that begin so, oldest first. */
  audit(prefix: string): Promise<readonly string[]>
}

/** The instance is called `vmware`, the client `vcenter`. */
export async function openCloudSite(
  rootKey: string,
  env: Readonly<Record<string, string>>,
  times: { readonly cacheSeconds: number; readonly outageSeconds: number },
): Promise<CloudSite> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-cloud-site-'))
  const data = path.join(folder, 'data')
  let server = await startEmbedded({ data, env })
  const bounds = ['--cache-seconds', `${times.cacheSeconds}`, '--outage-seconds', `${times.outageSeconds}`]
  await server.json('instance', 'create', 'vmware', '--root-key', rootKey, ...bounds)
  const client = path.join(folder, 'client')
  await server.json('client', 'issue', '--instance', 'vmware', '--name', 'vcenter', '--out', client)
  const read = (name: string) => readFileSync(path.join(client, name), 'utf8')
  const tls = { cert: read('client.pem'), key: read('client.key') }
  return {
    get server() {
      return server
    },
    talk: () => openTalk({ ...server.kmip, tls }),
    restart: async () => {
      await server.stop()
      server = await startEmbedded({ data, env })
    },
    health: async () => {
      const ca = readFileSync(path.join(data, 'admin-ca.pem'), 'utf8')
      return (await askHttps(server.admin, ca, 'GET', '/health/ready')).json as { degraded: string[] }
    },
    audit: async (prefix) => {
      const listed = (await server.json('audit', 'list')) as { action: string }[]
      return listed
        .toReversed()
        .map(({ action }) => action)
        .filter((action) => action.startsWith(prefix))
    },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
