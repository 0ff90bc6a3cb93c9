// `mortise restore FILE`: makes the database of a data folder of a backup. All or nothing: until the last moment the folder
// has no database. What it makes serves nothing before `restore-accept`.

import { createPrivateKey, createPublicKey } from 'node:crypto'
import { readdir, readFile, rename, stat } from 'node:fs/promises'
import path from 'node:path'
import { serverActor } from '../../../core/audit/actor.ts'
import { signingKeyName } from '../../../core/audit/audit.ts'
import type { LaterActs } from '../../../core/backup/later.ts'
import type { Manifest } from '../../../core/backup/manifest.ts'
import { readManifest, readRecords } from '../../../core/backup/read.ts'
import { readTrust } from '../../../core/backup/trust.ts'
import type { AuditCheckpoint, AuditEntry } from '../../../core/ports/audit.ts'
import { inspectRootKeyFile } from '../../../outside/rootkey/file.ts'
import { placeDurably } from '../../../outside/rootkey/file-create.ts'
import { openSecret } from '../../../core/sealing/secrets.ts'
import { refuseUnsafeFolder } from '../../../outside/store/data-folder.ts'
import { openerFor, type OpenBackupOptions } from '../../../host/backup-opener.ts'
import type { Installation } from '../../../host/installation.ts'
import { StartError } from '../../../host/first-start.ts'
import { currentFolder, fileOf, offlineRootKeys, type OfflineRootKeys } from '../../../host/offline.ts'
import { wholeBackupQuestion } from '../question.ts'
import { wholeBackupReport, type RestoredBackup } from '../report.ts'
import { entriesBeyond, readLater } from '../since.ts'
import { changedPages, reported, type RestoreTally } from '../write-whole.ts'
import {
  dataFolderIsFile,
  loaderOf,
  makeDataFolder,
  storeFile,
  storePlaceOf,
  type StorePlace,
} from '../../../host/store-place.ts'
import { systemClock } from '../../../host/system-clock.ts'

interface RestoreFileOptions extends OpenBackupOptions {
  /** A file with an audit export of the server that ran last: what it closed since is closed again. */
  readonly audit?: string
  /** Kept outside, of the server that ran last: says how much is missing. */
  readonly checkpoint?: AuditCheckpoint
  readonly distrustNewerMs?: number
  /** Called with a whole question where keys may be open again; rejects unless the administrator says yes. */
  readonly confirm: (question: string) => Promise<void>
}

/** These may be in the folder, with the leftovers of a killed restore: root key files. */
const allowedThere = /^(.*\.key(\.[0-9a-f]+\.new)?|lost\+found)$/

/** Rejects with an error whose message says what to do; nothing was made then. */
export async function restoreFile(
  { config, log }: Installation,
  options: RestoreFileOptions,
): Promise<RestoredBackup> {
  const { file, onProgress } = options
  const folder = config.server.data
  const place = storePlaceOf(config.server)
  await requireEmpty(folder, place)
  // Before the root key is put there: what another user owns, the server could not read, or this process not write.
  for (const file of [path.join(folder, storeFile), ...(place.kind === 'sqlite' ? [place.file] : [])])
    refuseUnsafeFolder(file)
  const manifest = await readManifest(file)
  await using rootKeys = await offlineRootKeys(config, log)
  const opener = await openerFor(manifest, options, rootKeys)
  const { reading, secrets, systemKey } = await readTrust(readRecords(file, opener.fileKeys), opener)
  const signing = secrets.find(({ name }) => name === signingKeyName)
  const publicKey = signing && publicKeyOf(openSecret(systemKey, signing))
  const later = options.audit === undefined ? null : await readLater(options.audit, manifest, publicKey)
  const beyond =
    options.checkpoint === undefined ? null : entriesBeyond(options.checkpoint, manifest, publicKey)
  const names = [...reading.tables.client.values()].map(({ name }) => name)
  if (!later || later.pruned > 0) await options.confirm(wholeBackupQuestion(manifest, names, later))
  await makeDataFolder(folder)
  await bringRootKey(manifest, options, folder)
  const rootKey = options.identity === undefined ? null : await takeOver(rootKeys, config)
  const tally: RestoreTally = {
    revoked: 0,
    destroyed: 0,
    broughtBack: 0,
    withdrawn: [],
    limited: [],
    blocked: 0,
  }
  const changes = { later, distrustNewerMs: options.distrustNewerMs ?? null, rootKey }
  const records = changedPages(readRecords(file, opener.fileKeys), opener, changes, tally)
  const nowMs = systemClock.now()
  const entry = restoreEntry(manifest, file, nowMs, later)
  const load = await loaderOf(place, nowMs)
  await load(reported(records, manifest, onProgress), [entry])
  return wholeBackupReport(manifest, {
    later,
    beyond,
    tally,
    names,
    missing: await missingKeys(manifest, folder, rootKey !== null),
  })
}

async function requireEmpty(folder: string, place: StorePlace): Promise<void> {
  const file = place.kind === 'sqlite' ? path.basename(place.file) : storeFile
  const isLeft = (name: string) => name === `${file}.lock` || name.startsWith(`${file}.restoring`)
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error.code === 'ENOTDIR' ? dataFolderIsFile(folder) : error
  })
  const strangers = names.filter((name) => !allowedThere.test(name) && !isLeft(name))
  if (strangers.length === 0) return
  throw new StartError(
    `${folder} is not empty (${strangers.slice(0, 3).join(', ')}): a backup is restored into an empty data folder. Nothing was ` +
      'changed. Move what is there away, or name another folder: --data DIR',
  )
}

/** Data keys and secrets are sealed by a root key of this machine from now on: the one before is lost. */
async function takeOver(rootKeys: OfflineRootKeys, { server }: Installation['config']) {
  return rootKeys.open(server.rootKey, { create: true })
}

/** Puts the root key file that opened it where the server looks for it, if it lies elsewhere. Throws StartError if another lies there. */
async function bringRootKey(
  { key }: Manifest,
  { rootKey, identity }: RestoreFileOptions,
  folder: string,
): Promise<void> {
  const [usualPlace, namedFile] = [
    fileOf(key.rootKey, folder),
    rootKey === undefined ? null : fileOf(rootKey, currentFolder),
  ]
  if (identity !== undefined || usualPlace === null || namedFile === null || usualPlace === namedFile) return
  if (await stat(usualPlace).catch(() => undefined)) {
    const { id, problem } = await inspectRootKeyFile(key.rootKey, folder)
    if (id === key.rootKeyId) return
    throw new StartError(
      `${problem ?? `${usualPlace} is another root key`}, and that of the backup belongs in its place. Nothing was changed. Move it away, or name ` +
        'another folder: --data DIR',
    )
  }
  await placeDurably(usualPlace, await readFile(namedFile), (temporary) => rename(temporary, usualPlace))
}

function publicKeyOf(der: Buffer): string {
  const key = createPublicKey(createPrivateKey({ key: der, type: 'pkcs8', format: 'der' }))
  der.fill(0)
  return key.export({ type: 'spki', format: 'der' }).toString('base64')
}

function restoreEntry(manifest: Manifest, file: string, atMs: number, later: LaterActs | null): AuditEntry {
  const { id, serverId, created, audit } = manifest
  const detail = {
    file: path.resolve(file),
    created,
    serverId,
    entries: audit.entries,
    checkpoint: audit.checkpoint,
    appliedEntries: later?.entries ?? 0,
  }
  const about = { action: 'backup.restore', result: 'success', instanceId: null, actor: serverActor } as const
  return { atMs, ...about, object: id, reason: null, requestId: null, detail }
}

/** Root key files that the server will look for, and that are not in the folder. */
async function missingKeys(
  { rootKeys }: Manifest,
  folder: string,
  takenOver: boolean,
): Promise<readonly string[]> {
  if (takenOver) return []
  const missing: string[] = []
  for (const { uri } of rootKeys) {
    const file = fileOf(uri, folder)
    if (file !== null && !(await stat(file).catch(() => undefined))) missing.push(uri)
  }
  return missing
}
