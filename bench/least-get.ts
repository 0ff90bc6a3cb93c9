// What any Get of this server must do beside TLS, whatever else it leaves out: open the sealed key, and hand the record of its access
// to the operating system, from where it moves into the audit log. For bare-server.ts.

import { createSecretKey, randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import path from 'node:path'
import { openMaterial, sealMaterial } from '../src/core/sealing/envelope.ts'
import { systemClock } from '../src/host/system-clock.ts'
import { openSqliteStore } from '../src/outside/store/sqlite/open.ts'

/** `folder`: for the store, which lives as long as the process. The key is 32 bytes long. */
export async function openLeastGet(folder: string): Promise<() => Promise<void>> {
  const file = path.join(mkdtempSync(path.join(folder, 'least-')), 'mortise.db')
  const store = await openSqliteStore({ file, clock: systemClock })
  await store.openAccessLog(createSecretKey(randomBytes(32)))
  const [instanceId, object] = [randomUUID(), randomUUID()]
  const place = { purpose: 'object', instanceId, identifier: object, objectType: 'SymmetricKey' } as const
  const dataKey = { id: randomUUID(), key: createSecretKey(randomBytes(32)) }
  const sealed = sealMaterial(dataKey, place, { head: {}, bytes: randomBytes(32) })
  const act = {
    action: 'key.get',
    result: 'success',
    instanceId,
    object,
    actor: {
      kind: 'client',
      id: randomUUID(),
      name: 'benchmark',
      certificateSha256: randomBytes(32).toString('hex'),
      address: '127.0.0.1',
    },
    reason: null,
    detail: null,
  } as const
  return async () => {
    openMaterial(dataKey, place, sealed).bytes.fill(0)
    const atMs = Date.now()
    const entries = [{ ...act, atMs, requestId: randomUUID() }]
    await store.record({ entries, fetched: [{ instanceId, uniqueIdentifier: object, atMs }] }, 'process')
  }
}
