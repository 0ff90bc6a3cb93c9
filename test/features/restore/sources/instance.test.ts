// What this server's own audit log says of the time after a backup, before an instance comes back from it: all of it, whatever the
// clock said, and that a part of it is gone where the log was pruned.

import assert from 'node:assert/strict'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { objectName } from '../../../../src/core/backup/later.ts'
import { serverActor } from '../../../../src/core/audit/actor.ts'
import { readInstance } from '../../../../src/features/restore/sources/instance.ts'
import { openSqliteDump } from '../../../../src/outside/store/sqlite/dump.ts'
import { writeRecords } from '../../../support/store/backup-files.ts'
import { makeCertificate } from '../../../support/certificates/certificates.ts'
import { createKey, dayMs, manager, openCoreWithClient, type TestCore } from '../../../support/server/core.ts'
import { storeFolder } from '../../../support/store/store-place.ts'

const revocation = { code: 'KeyCompromise', message: undefined, compromiseOccurrenceDate: undefined }

/** A backup of the core now, and what `readInstance` finds in it later. */
async function backedUp(t: TestContext, { rootKey, ...core }: TestCore, instance: string) {
  const file = path.join(await storeFolder(t), 'a.backup')
  const dump = openSqliteDump(core.file)
  await writeRecords(file, rootKey, dump, { created: new Date(core.clock.now()).toISOString() })
  await dump.close()
  const parts = { store: core.store, rootKey, openRootKey: async () => rootKey, serverId: 'server-1' }
  return () => readInstance(parts, file, { upload: '', instance })
}

test('what was closed after the backup is found, also where the clock was set back by days meanwhile', async (t) => {
  const { core, instance, perform, identity } = await openCoreWithClient(t)
  const id = await perform(createKey())
  core.clock.jump(3 * dayMs)
  const read = await backedUp(t, core, instance.id)
  core.clock.jump(-3 * dayMs)
  await perform((work) => work.revoke(id, revocation))
  await core.trust.clients.remove(manager, instance.id, 'vcenter')
  const { later, clients, closingsKnown } = await read()
  assert.ok(later.closed.get(objectName(instance.id, id))?.revoked)
  assert.deepEqual(
    clients.map(({ removed, certificates }) => [removed, certificates[0]?.id]),
    [[true, identity.certificate.sha256]],
  )
  assert.ok(closingsKnown)
})

test('a certificate that another one replaced after the backup does not come back', async (t) => {
  const { core, instance, identify, identity } = await openCoreWithClient(t)
  const read = await backedUp(t, core, instance.id)
  const { der, sha256 } = (await makeCertificate({ key: 'ec', ownKey: true })).certificate
  const signed = { der, sha256, notAfterMs: core.clock.now() + dayMs }
  await core.keys.perform(identify, (work) => work.certificates.reProvision(signed))
  assert.ok((await read()).later.certificatesRemoved.has(identity.certificate.sha256))
})

test('a client comes back with what it was allowed in the backup and last', async (t) => {
  const { core, instance } = await openCoreWithClient(t)
  const read = await backedUp(t, core, instance.id)
  const allowed = async () => (await read()).clients.map(({ allow }) => allow)
  assert.deepEqual(await allowed(), [['all']])
  for (const [allow, back] of [
    [
      ['read', 'Create'],
      ['read', 'Create'],
    ],
    [['crypto'], ['crypto']],
    [['all'], ['all']],
  ] as const) {
    await core.trust.clients.update(manager, instance.id, 'vcenter', { allow })
    assert.deepEqual(await allowed(), [back])
  }
})

test('where entries after the backup were pruned, it is not known what was closed', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  await core.trust.clients.block(serverActor, 'a'.repeat(64), '', null)
  const read = await backedUp(t, core, instance.id)
  await core.audit.checkpoint()
  core.clock.pass(1_000)
  await core.audit.prune(serverActor, core.clock.now())
  assert.ok((await read()).closingsKnown, 'all that was pruned is in the backup')
  await perform((work) => work.revoke(id, revocation))
  core.clock.pass(1_000)
  await core.audit.prune(serverActor, core.clock.now())
  const { closingsKnown, blocks } = await read()
  assert.ok(!closingsKnown)
  assert.deepEqual(blocks, [], 'those of this server are newer all the same')
})
