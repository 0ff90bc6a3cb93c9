// Writes one backup in a thread of its own (backup-worker.ts), as seen from the thread that serves. Part of the composition
// root.

import { randomBytes } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { BackupError } from '../../core/backup/error.ts'
import { makeFileKey, sealForRecipients } from '../../core/backup/keys.ts'
import type { Manifest } from '../../core/backup/manifest.ts'
import { backupFreeBytesMin } from '../../base/bounds.ts'
import { scriptFile } from '../../base/program-files.ts'
import type { RootKey, OpenRootKey } from '../../core/ports/root-key.ts'
import type { SecretStore } from '../../core/ports/secrets.ts'
import { unwrapDataKey } from '../../core/sealing/keyring.ts'
import { unwrapSystemKey } from '../../core/sealing/secrets.ts'
import type { StorePlace } from '../../host/store-place.ts'
import type { BackupJob, FromBackup, ToBackup } from './backup-messages.ts'

const script = scriptFile('features/backup/backup-worker')

export interface BackupRun {
  readonly storePlace: StorePlace
  readonly store: Pick<SecretStore, 'secrets' | 'dataKeys'>
  /** The server's own root key, which wraps the key of the file. */
  readonly rootKey: RootKey
  /** Root keys of instances, for recipients. */
  readonly openRootKey: OpenRootKey
  readonly version: string
  readonly serverId: string
  /** See partialOf. */
  readonly writer: string
  readonly nowMs: number
  /** The file to write, of the backup's id and time. */
  readonly fileFor: (about: { readonly id: string; readonly created: string }) => string
  readonly force: boolean
  readonly recipients: readonly string[]
  /** The instances whose data keys recipients get. */
  readonly instanceIds: () => Promise<readonly string[]>
  readonly onProgress: (done: number, total: number) => void
  /** Ends the thread; what it wrote is removed at the next start. */
  readonly signal: AbortSignal
}

/** Durable on return. Throws BackupError and RootKeyError. */
export async function runBackup(
  run: BackupRun,
): Promise<{ readonly file: string; readonly manifest: Manifest }> {
  const id = randomBytes(16).toString('hex')
  const created = new Date(run.nowMs).toISOString()
  const { version, serverId, writer, force, storePlace: store } = run
  const file = run.fileFor({ id, created })
  const { keys, bytes, wrapped } = await makeFileKey(run.rootKey, id, serverId)
  try {
    const about = { version, id, serverId, created, key: wrapped }
    const job = { store, file, force, writer, keys, about, freeBytesMin: backupFreeBytesMin }
    return { file, manifest: await inThread(job, run, () => recipientsOf(run, bytes)) }
  } finally {
    bytes.fill(0)
  }
}

async function inThread(
  job: BackupJob,
  { signal, onProgress }: Pick<BackupRun, 'signal' | 'onProgress'>,
  recipients: () => Promise<Manifest['recipients']>,
): Promise<Manifest> {
  signal.throwIfAborted()
  const worker = new Worker(script, { workerData: job })
  const stop = () => void worker.terminate()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await new Promise<Manifest>((resolve, reject) => {
      worker.on('error', reject)
      worker.on('exit', () => reject(new BackupError('the thread that wrote the backup was ended')))
      worker.on('message', (message: FromBackup) => {
        switch (message.type) {
          case 'opened':
            // Read only now: what the backup holds needs no data key that was not there then.
            return void recipients().then(
              (sealed) =>
                worker.postMessage({ type: 'recipients', recipients: sealed } satisfies ToBackup, []),
              (error: unknown) => {
                reject(error)
                stop()
              },
            )
          case 'progress':
            return onProgress(message.done, message.total)
          case 'done':
            return resolve(message.manifest)
          case 'failed':
            return reject(new BackupError(message.message, message.hint))
          default:
            return message satisfies never
        }
      })
    })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

async function recipientsOf(run: BackupRun, fileKey: Uint8Array): Promise<Manifest['recipients']> {
  const { store, rootKey, recipients } = run
  if (recipients.length === 0) return null
  const carried = new Map<string, Uint8Array>()
  try {
    carried.set('system', (await unwrapSystemKey(await store.secrets(), rootKey)).bytes)
    for (const instanceId of await run.instanceIds())
      for (const record of await store.dataKeys(instanceId)) {
        const opener = await run.openRootKey(record.rootKeyUri, instanceId)
        carried.set(record.id, await unwrapDataKey(record, opener))
      }
    return await sealForRecipients(recipients, fileKey, carried)
  } finally {
    for (const bytes of carried.values()) bytes.fill(0)
  }
}
