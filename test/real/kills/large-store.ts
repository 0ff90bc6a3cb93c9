// A data folder that a server made, with so many more objects that a backup or a restore of it takes a while. Their material
// opens with no key.

import path from 'node:path'
import { systemClock } from '../../../src/host/system-clock.ts'
import { openSqliteStore } from '../../../src/outside/store/sqlite/open.ts'
import { startInProcess } from '../../support/server/running.ts'
import { change, objectRecord, objectWrite } from '../../support/store/store-values.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'

const objectsPerCommit = 500

export async function makeLargeStore(data: string, objects: number): Promise<void> {
  const instanceId = await instanceOf(data)
  const file = path.join(data, 'mortise.db')
  const store = await openSqliteStore({ file, clock: systemClock, reserveBytes: 0 })
  const attributes = Buffer.alloc(1500, 7)
  for (let from = 0; from < objects; from += objectsPerCommit) {
    const writes = Array.from({ length: objectsPerCommit }, (_, n) =>
      objectWrite(objectRecord(`large-${from + n}`, { instanceId, attributes })),
    )
    await store.commit(change(writes, { durability: 'process' }))
  }
  await store.close()
}

async function instanceOf(data: string): Promise<string> {
  await using server = await startInProcess(data)
  const [instance] = await server.admin.call(instanceRoutes.listInstances)
  return instance?.id ?? ''
}
