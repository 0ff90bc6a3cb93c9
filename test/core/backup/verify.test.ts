// What verifying a backup finds: nothing in one of a server that is in order, and whatever somebody altered in its database
// before the backup was made.

import assert from 'node:assert/strict'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { openByRootKeys } from '../../../src/core/backup/openers.ts'
import { readManifest } from '../../../src/core/backup/read.ts'
import { verifyBackup, type BackupProof } from '../../../src/core/backup/verify.ts'
import { RootKeyError } from '../../../src/core/ports/root-key.ts'
import { openSqliteDump } from '../../../src/outside/store/sqlite/dump.ts'
import { writeRecords } from '../../support/store/backup-files.ts'
import { storeFolder } from '../../support/store/store-place.ts'
import { createKey, edit, openCoreWithClient, type TestCore } from '../../support/server/core.ts'

const keys = 12

async function filled(t: TestContext): Promise<TestCore> {
  const { core: world, perform } = await openCoreWithClient(t)
  for (let n = 0; n < keys; n++) await perform(createKey())
  const destroyed = await perform(createKey())
  await perform((work) => work.destroy(destroyed))
  await world.audit.checkpoint()
  await perform(createKey())
  return world
}

async function verified(t: TestContext, { file: store, rootKey }: TestCore): Promise<BackupProof> {
  const file = path.join(await storeFolder(t), 'a.backup')
  const dump = openSqliteDump(store)
  await writeRecords(file, rootKey, dump)
  await dump.close()
  const manifest = await readManifest(file)
  const opener = await openByRootKeys(manifest, rootKey, async () => assert.fail('there is one root key'))
  return verifyBackup({ file, manifest, opener, all: true, onProgress: () => undefined })
}

test('a backup of a server that is in order has no problems, and every key opens', async (t) => {
  const proof = await verified(t, await filled(t))
  assert.deepEqual(proof.problems, [])
  assert.ok(proof.ok)
  assert.deepEqual(
    [proof.objects, proof.opened, proof.destroyed, proof.elsewhere],
    [keys + 2, keys + 1, 1, 0],
  )
  assert.ok(proof.trustRows >= 3 && proof.entries >= keys && proof.checkpoints >= 1 && proof.secrets >= 3)
})

test('a destroyed key that can still be brought back must open too', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  await core.trust.instances.update(serverActor, instance.id, { destroyDelaySeconds: 3600 })
  const id = await perform(createKey())
  await perform((work) => work.destroy(id))
  await core.audit.checkpoint()
  const proof = await verified(t, core)
  assert.deepEqual([proof.problems, proof.opened, proof.destroyed], [[], 1, 1])
  edit(core.file, `UPDATE material SET sealed = CAST(sealed || x'00' AS BLOB)`)
  const altered = await verified(t, core)
  assert.match(altered.problems.join(), new RegExp(`^the key ${id} does not open`))
})

const alterations: Readonly<Record<string, readonly [sql: string, found: RegExp]>> = {
  'a key that was altered': [
    `UPDATE material SET sealed = CAST(sealed || x'00' AS BLOB) WHERE id = 3`,
    /^the key [-\w]+ does not open: sealed bytes do not open/,
  ],
  'a key without its data key': [`DELETE FROM data_keys`, /its data key \w+ is not there/],
  'a data key that was altered': [
    `UPDATE data_keys SET wrapped = zeroblob(60)`,
    /^the data key \w+ does not open with test:/,
  ],
  'a row of trust that was altered': [
    `UPDATE trust SET body = replace(body, 'vcenter', 'intruder') WHERE kind = 'client'`,
    /^the row client\/.* was altered/,
  ],
  'a row of trust that was removed': [
    `DELETE FROM trust WHERE kind = 'client'`,
    /^the row client\/.* was removed/,
  ],
  'an audit entry that was altered': [
    `UPDATE audit SET body = replace(body, 'key.create', 'key.revoke') WHERE entry = 4`,
    /entry 4 was changed/,
  ],
  'a checkpoint that was altered': [
    `UPDATE checkpoints SET body = replace(body, 'atMs', 'AtMs')`,
    /checkpoint 1: its signature is wrong/,
  ],
  'a secret that was altered': [
    `UPDATE secrets SET sealed = CAST(sealed || x'00' AS BLOB) WHERE name = 'audit-signing-key'`,
    /^the server's secret audit-signing-key does not open/,
  ],
}

for (const [what, [sql, found]] of Object.entries(alterations))
  test(`verifying finds ${what}`, async (t) => {
    const world = await filled(t)
    assert.ok(edit(world.file, sql) > 0, 'something was altered')
    const { ok, problems } = await verified(t, world)
    assert.equal(ok, false)
    assert.ok(
      problems.some((problem) => found.test(problem)),
      problems.join('\n'),
    )
  })

test('a root key that does not answer is no verdict on the backup', async (t) => {
  const world = await filled(t)
  world.rootKey.fault = 'unreachable'
  await assert.rejects(verified(t, world), RootKeyError)
})
