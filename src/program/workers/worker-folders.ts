// Moves into the audit chain the access records that workers left in the data folder: a killed worker may have handed out keys
// whose records are not there yet. A worker that runs moves its own at its start, so only those are moved that run no more.

import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { workerStopMs } from './bounds.ts'
import { StoreUnavailable } from '../../core/ports/store.ts'
import { Secrets } from '../../core/sealing/secrets.ts'
import { nodeAccessFile } from '../../outside/store/data-folder.ts'
import { holdToAnchor, RestoreNotAccepted } from '../../core/server/anchor.ts'
import { openPorts, type PortOptions } from '../../host/ports.ts'
import { acceptWorker } from '../../host/restore-accept.ts'
import { storePlaceOf, workerPlace, workersFolder } from '../../host/store-place.ts'

/** `running`: workers up to this number run. Rejects with an error that says what to do. */
export async function chainLeftRecords(options: PortOptions, running: number): Promise<void> {
  const { server } = options.settings.now
  if (storePlaceOf(server).kind === 'sqlite') return
  for (const worker of leftWorkers(server.data).filter((number) => number > running)) {
    await whenFree(() => chainOf({ ...options, own: workerPlace(server, worker) }))
    options.log.warn({ worker }, 'the access records that a worker left are in the audit log')
  }
}

function leftWorkers(dataFolder: string): readonly number[] {
  const folder = path.join(dataFolder, workersFolder)
  let names: readonly string[]
  try {
    names = readdirSync(folder)
  } catch {
    return []
  }
  const hasRecords = (name: string) =>
    (statSync(nodeAccessFile(path.join(folder, name)), { throwIfNoEntry: false })?.size ?? 0) > 0
  return names.filter((name) => /^[1-9]\d*$/.test(name) && hasRecords(name)).map(Number)
}

async function chainOf(options: PortOptions): Promise<void> {
  try {
    await chain(options)
  } catch (error) {
    if (!(error instanceof RestoreNotAccepted && error.elsewhere)) throw error
    await acceptWorker(options)
  }
}

async function chain(options: PortOptions): Promise<void> {
  await using opened = new AsyncDisposableStack()
  const { ports } = await openPorts(options, opened)
  const secrets = await Secrets.open(ports.store, ports.rootKey)
  await holdToAnchor(ports.store, secrets)
  await ports.store.openAccessLog(secrets.accessKey())
}

/** A worker whose server was killed may still be about to end. */
async function whenFree(work: () => Promise<void>): Promise<void> {
  const enough = performance.now() + workerStopMs
  for (;;)
    try {
      return await work()
    } catch (error) {
      const isBusy = error instanceof StoreUnavailable && error.why === 'busy'
      if (!isBusy || performance.now() > enough) throw error
      await sleep(200)
    }
}
