// A real server with an instance under a root key of the Key Protect fake, in either custody, and a client of it:
// for tests that take the root key away, and measure.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { askHttps } from '../clients/https.ts'
import type { KeyProtectFake } from '../key-protect/fake.ts'
import { openTalk, type KmipTalk } from '../clients/kmip-talk.ts'
import { startEmbedded, startServer, type EmbeddedServer, type TestServer } from '../server/server.ts'

export type Custody = 'database' | 'keyprotect'
export const custodies: readonly Custody[] = ['database', 'keyprotect']

export interface CustodySite extends AsyncDisposable {
  readonly server: EmbeddedServer
  readonly custody: Custody
  readonly instanceId: string
  /** Ids at the fake. */
  readonly rootKey: string
  readonly serviceId: string
  readonly certFile: string
  readonly keyFile: string
  /** A new connection of the client. */
  talk(): Promise<KmipTalk>
  /** Stops the server and starts it again on the same data. */
  restart(): Promise<void>
  /** SIGKILL, of a killable one. */
  kill(): Promise<void>
  /** Another API key for the service ID, put where the server reads it. */
  renewApiKey(): Promise<void>
  /** The body of /health/ready. */
  health(): Promise<unknown>
  /** The id at the fake of the standard key that holds this object. */
  standardKeyOf(identifier: string): Promise<string>
  /** What the audit log has, oldest first. */
  audit(...args: string[]): Promise<readonly AuditLine[]>
}

export interface AuditLine {
  readonly action: string
  readonly result: string
  readonly object: string | null
  readonly reason: string | null
  readonly actor: { readonly kind: string; readonly certificateSha256: string | null }
  readonly detail: Readonly<Record<string, unknown>> | null
}

export interface SiteSettings {
  readonly custody: Custody
  readonly cacheSeconds?: number
  readonly outageSeconds?: number
  /** Fields of the root key: an expirationDate. */
  readonly rootKey?: object
  /** The server is a process of its own, which `kill` ends. */
  readonly killable?: boolean
}

/** The instance is called `vmware`, the client `vcenter`. The service ID is its own: Reader, or Manager to keep keys. */
export async function openSite(fake: KeyProtectFake, settings: SiteSettings): Promise<CustodySite> {
  const { custody, cacheSeconds = 300, outageSeconds = 3600 } = settings
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-site-'))
  const rootKey = await fake.rootKey(settings.rootKey)
  const serviceId = await fake.serviceId({ roles: custody === 'keyprotect' ? ['Manager'] : ['Reader'] })
  const apiKeyFile = path.join(folder, 'api-key')
  writeFileSync(apiKeyFile, serviceId.apiKey, { mode: 0o600 })
  const data = path.join(folder, 'data')
  const env = {
    MORTISE_IBM_API_KEY_FILE: apiKeyFile,
    MORTISE_IBM_IAM_URL: fake.about.iamUrl,
    MORTISE_IBM_CA_FILE: fake.about.caFile,
  }
  const start = settings.killable === true ? startServer : startEmbedded
  let server: EmbeddedServer | TestServer = await start({ data, env })
  const times = ['--cache-seconds', String(cacheSeconds), '--outage-seconds', String(outageSeconds)]
  const place = ['--root-key', fake.uri(rootKey), '--custody', custody]
  const made = (await server.json('instance', 'create', 'vmware', ...place, ...times)) as { id: string }
  const client = path.join(folder, 'client')
  const named = ['--instance', 'vmware', '--name', 'vcenter', '--allow', 'all']
  await server.json('client', 'issue', ...named, '--out', client)
  const [certFile, keyFile] = [path.join(client, 'client.pem'), path.join(client, 'client.key')] as const
  const tls = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  return {
    get server() {
      return server
    },
    custody,
    instanceId: made.id,
    rootKey,
    serviceId: serviceId.id,
    certFile,
    keyFile,
    talk: () => openTalk({ ...server.kmip, tls }),
    restart: async () => {
      await server.stop()
      server = await start({ data, env })
    },
    kill: async () => {
      assert.ok('kill' in server, 'it is not killable')
      await server.kill()
    },
    renewApiKey: async () => {
      const { apiKey } = await fake.control<{ apiKey: string }>('POST', `service-ids/${serviceId.id}/api-key`)
      writeFileSync(apiKeyFile, apiKey)
    },
    health: async () => {
      const ca = readFileSync(path.join(data, 'admin-ca.pem'), 'utf8')
      return (await askHttps(server.admin, ca, 'GET', '/health/ready')).json
    },
    standardKeyOf: async (identifier) => {
      const keys = await fake.control<readonly { id: string; name: string }[]>('GET', 'keys')
      return keys.find(({ name }) => name === `mortise-${identifier}`)?.id ?? assert.fail('no standard key')
    },
    audit: async (...args) => {
      const listed = await server.json('audit', 'list', ...args)
      return (listed as AuditLine[]).toReversed()
    },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
