// The thread that writes one backup: it reads the store in a transaction of its own and seals what it reads, so that the
// thread that serves waits for neither. This is the entry of a worker thread; backup-thread.ts is the other side.

import { parentPort, workerData } from 'node:worker_threads'
import { BackupError } from '../../core/backup/error.ts'
import type { Manifest } from '../../core/backup/manifest.ts'
import { writeBackup } from '../../core/backup/write.ts'
import { systemKeyName } from '../../core/sealing/secrets.ts'
import type { BackupJob, FromBackup, ToBackup } from './backup-messages.ts'
import { openDump } from '../../host/store-place.ts'

/** The least interval between two messages of progress. */
const progressEveryMs = 200

async function run(port: NonNullable<typeof parentPort>, job: BackupJob): Promise<void> {
  const post = (message: FromBackup) => port.postMessage(message, [])
  const recipients = new Promise<Manifest['recipients']>((resolve) => {
    port.once('message', (message: ToBackup) => resolve(message.recipients))
  })
  let toldMs = -Infinity
  const onProgress = (done: number, total: number) => {
    if (performance.now() - toldMs < progressEveryMs) return
    toldMs = performance.now()
    post({ type: 'progress', done, total })
  }
  try {
    const dump = await openDump(job.store)
    post({ type: 'opened' })
    try {
      const { file, force, writer, keys, about, freeBytesMin } = job
      const writing = {
        file,
        force,
        writer,
        keys,
        about,
        freeBytesMin,
        recipients,
        systemKeyName,
        onProgress,
      }
      post({ type: 'done', manifest: await writeBackup(dump, writing) })
    } finally {
      await dump.close()
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    post({ type: 'failed', message, hint: error instanceof BackupError ? error.hint : undefined })
  }
  port.close()
}

if (parentPort) void run(parentPort, workerData as BackupJob)
