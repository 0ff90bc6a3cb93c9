// `mortise backup drill`: restores a backup into a temporary folder, starts a server on it on loopback, plays vCenter against
// it for keys that it finds, and removes the folder. Without outside effects: instances that keep keys at their root key's
// service, or that are in the middle of a move, are left out, and no root key file is copied.

import path from 'node:path'
import { AdminClient } from '../../doors/http/client.ts'
import type { Manifest } from '../../core/backup/manifest.ts'
import { openByRootKeys, type BackupOpener } from '../../core/backup/openers.ts'
import { readManifest, readRecords } from '../../core/backup/read.ts'
import { defaultsOf } from '../../outside/config/config.ts'
import { options, type Config } from '../../outside/config/options.ts'
import { clientTls } from '../../outside/kmip-client/tls.ts'
import { makeRequest } from '../../core/pki/make-request.ts'
import type { RootKey } from '../../core/ports/root-key.ts'
import { sqliteLoader } from '../../outside/store/sqlite/load.ts'
import { createMetrics } from '../../outside/telemetry/metrics.ts'
import { KmipEndpoint, PieceFailed } from '../../tools/vsphere/endpoint.ts'
import { KeyInventory } from '../../tools/vsphere/key-inventory.ts'
import { RunLog } from '../../tools/vsphere/run-log.ts'
import type { OpenBackupOptions } from '../../host/backup-opener.ts'
import type { Installation } from '../../host/installation.ts'
import { absoluteRootKey, currentFolder, offlineRootKeys } from '../../host/offline.ts'
import { rootKeyConfig } from '../../host/root-keys/root-key-opening.ts'
import { storeFile } from '../../host/store-place.ts'
import { acceptRestore } from '../../host/restore-accept.ts'
import { readTrust } from '../../core/backup/trust.ts'
import { changedPages, reported } from './write-whole.ts'
import { Settings } from '../../host/settings.ts'
import { systemClock } from '../../host/system-clock.ts'
import { openTemporaryFolder } from '../../host/temporary-folder.ts'
import { clientRoutes } from '../clients/routes.ts'
import { keyRoutes } from '../keys/routes.ts'
import { statusRoutes } from '../status/routes.ts'

/** Keys of each instance that a drill fetches, the newest ones. */
const backupDrillKeys = 50

/** A running server, as far as a drill needs it. */
interface DrillServer {
  readonly kmip: string
  readonly admin: string
  readonly serverCertSha256: string
  close(): Promise<void>
}

export type StartServer = (installation: Installation) => Promise<DrillServer>

/** The result of a drill. */
export interface BackupDrill {
  readonly id: string
  readonly created: string
  readonly ok: boolean
  /** `keys`: all that are not destroyed. */
  readonly instances: readonly { readonly name: string; readonly keys: number; readonly fetched: number }[]
  /** Instances that were not tried. */
  readonly leftOut: readonly string[]
  /** One line for each key that was not served. */
  readonly failures: readonly string[]
}

export async function drillBackup(
  { config, log }: Installation,
  startServer: StartServer,
  { file, rootKey, onProgress }: Omit<OpenBackupOptions, 'identity'>,
): Promise<BackupDrill> {
  const manifest = await readManifest(file)
  await using rootKeys = await offlineRootKeys(config, log)
  // The root key stays where it is.
  const uri =
    rootKey === undefined
      ? absoluteRootKey(manifest.key.rootKey, config.server.data)
      : absoluteRootKey(rootKey, currentFolder)
  const own = await rootKeys.open(uri)
  const opener = await openByRootKeys(manifest, own, (uri) => rootKeys.open(uri))
  await using temporary = await openTemporaryFolder('mortise-drill-')
  const { folder } = temporary
  const leftOut = await restoreForDrill(file, folder, { opener, own, manifest, onProgress })
  const drilled = drillConfig(config, folder, own)
  const settings = new Settings({ initial: drilled, read: () => drilled, features: {} })
  const { token } = await acceptRestore({ settings, log, metrics: createMetrics() }, false)
  const server = await startServer({ config: drilled, log })
  try {
    const played = await play(server, token)
    const { id, created } = manifest
    return { id, created, leftOut: [...leftOut], ...played, ok: played.failures.length === 0 }
  } finally {
    await server.close()
  }
}

/** Takes from the configuration what opens root keys, and nothing that reaches the outside: neither a SIEM nor an alert may hear of a drill. */
function drillConfig(config: Config, data: string, rootKey: RootKey): Config {
  const initial = defaultsOf(options)
  const listen = { host: '127.0.0.1', port: 0 }
  return {
    ...initial,
    ...rootKeyConfig(config),
    log: config.log,
    server: { ...config.server, data, store: '', workers: 1, rootKey: rootKey.uri },
    kmip: { ...initial.kmip, listen },
    admin: { ...initial.admin, listen },
    backup: { ...initial.backup, enabled: false },
  }
}

/** Gives the names of the instances that are left out. */
async function restoreForDrill(
  file: string,
  folder: string,
  parts: {
    readonly opener: BackupOpener
    readonly own: RootKey
    readonly manifest: Manifest
    readonly onProgress: OpenBackupOptions['onProgress']
  },
): Promise<readonly string[]> {
  const { opener, own, manifest, onProgress } = parts
  const { reading } = await readTrust(readRecords(file, opener.fileKeys), opener)
  const leftOut = [...reading.tables.instance.values()].filter(
    ({ custody, work }) => custody === 'keyprotect' || work !== undefined,
  )
  const later = {
    upToMs: null,
    entries: 0,
    made: [],
    closed: new Map(),
    instancesGone: new Map(leftOut.map(({ id }) => [id, { atMs: 0, shredded: false }])),
    instancesEmptied: new Set(leftOut.map(({ id }) => id)),
    instancesClosed: new Map(),
    serverClosed: null,
    clientsRemoved: new Set<string>(),
    allowed: new Map(),
    certificatesRemoved: new Set<string>(),
    blocked: new Map(),
  }
  const tally = { revoked: 0, destroyed: 0, broughtBack: 0, withdrawn: [], limited: [], blocked: 0 }
  const changes = { later, distrustNewerMs: null, rootKey: own }
  const pages = changedPages(readRecords(file, opener.fileKeys), opener, changes, tally)
  await sqliteLoader(path.join(folder, storeFile), systemClock.now())(
    reported(pages, manifest, onProgress),
    [],
  )
  return leftOut.map(({ name }) => name)
}

async function play(
  { admin, kmip, serverCertSha256 }: DrillServer,
  token: string,
): Promise<Pick<BackupDrill, 'instances' | 'failures'>> {
  const client = new AdminClient({
    url: admin,
    token,
    trust: { by: 'fingerprint', sha256: serverCertSha256 },
  })
  const port = Number(kmip.slice(kmip.lastIndexOf(':') + 1))
  const instances: { name: string; keys: number; fetched: number }[] = []
  const failures: string[] = []
  for (const { id, name, objects } of await countedInstances(client)) {
    const { request, privateKey } = await makeRequest({ commonName: 'mortise-drill' })
    const body = { name: 'mortise-drill', request }
    const { certificate } = await client.call(clientRoutes.signClient, { instance: id, body })
    const tls = clientTls({
      cert: certificate,
      key: privateKey,
      trust: { by: 'fingerprint', sha256: serverCertSha256 },
    })
    privateKey.fill(0)
    const vCenter = new KmipEndpoint({
      name: 'vCenter',
      addresses: [{ host: '127.0.0.1', port }],
      tls,
      connectionsMax: 4,
      runLog: new RunLog(),
      inventory: new KeyInventory(),
      credential: undefined,
    })
    const { keys } = await client.call(keyRoutes.listKeys, {
      instance: id,
      query: { limit: backupDrillKeys },
    })
    const symmetric = keys.filter(({ objectType }) => objectType === 'SymmetricKey')
    const results = await Promise.all(symmetric.map((key) => fetchKey(vCenter, key.id)))
    failures.push(...results.filter((result) => result !== null))
    instances.push({ name, keys: objects, fetched: results.filter((result) => result === null).length })
  }
  return { instances, failures }
}

async function countedInstances(client: AdminClient) {
  const { instances } = await client.call(statusRoutes.status)
  return instances.map(({ id, name, objects }) => {
    const live = Object.entries(objects).filter(([state]) => !state.startsWith('Destroyed'))
    return { id, name, objects: live.reduce((sum, [, count]) => sum + count, 0) }
  })
}

/** Null: vCenter got the key and its state, on a connection of its own. */
async function fetchKey(vCenter: KmipEndpoint, id: string): Promise<string | null> {
  try {
    await vCenter.work('Get', async (session) => {
      await session.get(id)
      await session.state(id)
    })
    return null
  } catch (error) {
    if (!(error instanceof PieceFailed)) throw error
    return `${id}: ${error.message}`
  }
}
