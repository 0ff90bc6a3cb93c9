// The check of the marks of destroyed keys: whoever removes, forges or replaces one is found out at the start and within the
// hour, by what the checkpoint and the anchor name; and nothing is deleted for it.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { MarkCheck } from '../../../src/core/audit/mark-check.ts'
import type { CheckpointBody } from '../../../src/core/audit/proof.ts'
import { marksPage } from '../../../src/base/bounds.ts'
import { checkpointEveryMs } from '../../../src/core/audit/bounds.ts'
import {
  createKey,
  edit,
  faults,
  look,
  openCoreWithClient,
  type TestCore,
} from '../../support/server/core.ts'
import { keepRows } from '../../support/store/put-back.ts'

/** A core in which the client has destroyed some keys. */
async function begin(t: TestContext, destroyed = 3) {
  const { core, perform } = await openCoreWithClient(t)
  const ids: string[] = []
  for (let n = 0; n <= destroyed; n++) ids.push(await perform(createKey()))
  const [live = '', ...gone] = ids
  for (const id of gone) await perform((work) => work.destroy(id))
  return { core, perform, live, gone }
}

async function found(core: TestCore): Promise<string> {
  await core.marks.check()
  return core.marks.findings.join('; ')
}

const rows = (core: TestCore) =>
  JSON.stringify([look(core.file, 'SELECT * FROM objects'), look(core.file, 'SELECT * FROM material')])

async function lastBody(core: TestCore): Promise<CheckpointBody> {
  return JSON.parse((await core.store.checkpoints(1))[0]?.body ?? '{}') as CheckpointBody
}

const notExpected = (error: unknown) => assert.fail(String(error))

test('marks that are whole have no finding, also while others are appended', async (t) => {
  const { core, perform } = await begin(t, 2 * marksPage)
  const more: string[] = []
  for (let n = 0; n < 20; n++) more.push(await perform(createKey()))
  const checking = core.marks.check()
  for (const id of more) await perform((work) => work.destroy(id))
  await checking
  assert.deepEqual(core.marks.findings, [])
  assert.equal(await found(core), '')
  assert.deepEqual(core.alarms, [])
})

test('a mark that was removed is told once as an alarm, and as long as it is missing as a finding', async (t) => {
  const { core, live } = await begin(t)
  edit(core.file, 'DELETE FROM marks WHERE number = 2')
  const before = rows(core)
  assert.match(await found(core), /^1 mark of a destroyed key was removed from the database \(number 2\)/)
  assert.match(await found(core), /^1 mark of a destroyed key was removed/)
  assert.equal(core.alarms.length, 1)
  assert.equal(rows(core), before, 'nothing is deleted')
  assert.ok(live)
})

test('the keys whose marks were removed are named by the audit log, the first ones of many', async (t) => {
  const { core, gone } = await begin(t, 6)
  const [instance] = await core.access.instances()
  assert.equal(await found(core), '')
  edit(core.file, 'DELETE FROM marks WHERE number = 2')
  const named = (id: string | undefined) => `${id} of the instance ${instance?.id}`
  assert.match(await found(core), new RegExp(`served again. The audit log names ${named(gone[1])}$`))
  edit(core.file, 'DELETE FROM marks WHERE number > 2')
  const names = gone.slice(3).toReversed().map(named).join(', ')
  assert.match(await found(core), new RegExp(`number 2 to 6\\).* The audit log names ${names}, and 2 more$`))
})

test('a mark that was forged is told by the name of its key, and closes nothing but that', async (t) => {
  const { core, perform, live } = await begin(t)
  edit(
    core.file,
    'INSERT INTO marks SELECT 4, instance_id, ?, 0, mac, digest FROM marks WHERE number = 3',
    live,
  )
  const before = rows(core)
  assert.match(
    await found(core),
    new RegExp(`^1 mark of a destroyed key was altered, or not written by this server \\(${live} of`),
  )
  assert.equal(rows(core), before)
  const id = await perform(createKey())
  await perform((work) => work.fetch(id))
  edit(core.file, 'DELETE FROM marks WHERE number = 4')
  await perform((work) => work.fetch(live))
  assert.equal(await found(core), '')
})

for (const [where, marks] of [
  ['the end', 'number = 3'],
  ['the middle', 'number = 2'],
  ['everywhere', 'true'],
] as const)
  test(`marks that were removed from ${where} while no server ran are found at the start`, async (t) => {
    const { core } = await begin(t)
    await core.close()
    edit(core.file, `DELETE FROM marks WHERE ${marks}`)
    const again = await core.reopen()
    await again.marks.atStart(notExpected)
    assert.match(
      again.marks.findings.join('; '),
      /marks? of (a )?destroyed keys? (was|were) removed from the database/,
    )
    // The next start has not lost what this one knew.
    const third = await again.reopen()
    await third.marks.atStart(notExpected)
    assert.deepEqual(third.marks.findings, again.marks.findings)
  })

test('a checkpoint names where the marks end, and goes on naming it once they were removed', async (t) => {
  const { core, perform, live } = await begin(t)
  await core.audit.checkpoint()
  const signed = (await lastBody(core)).marks
  assert.deepEqual(signed, await core.store.marksEnd())
  assert.equal(signed?.number, 3)
  edit(core.file, 'DELETE FROM marks WHERE number = 3')
  await perform((work) => work.destroy(live))
  await core.audit.checkpoint()
  assert.deepEqual((await lastBody(core)).marks, signed)
  assert.deepEqual((await core.audit.verify()).problems, [])
  assert.match(await found(core), /removed from the database \(number 3\)/)
})

test('without an anchor the checkpoint finds marks of an earlier state of the database', async (t) => {
  const { core, perform, live } = await begin(t)
  edit(core.file, 'CREATE TABLE kept AS SELECT * FROM marks')
  await perform((work) => work.destroy(live))
  await core.audit.checkpoint()
  edit(core.file, 'DELETE FROM marks')
  edit(core.file, 'INSERT INTO marks SELECT * FROM kept')
  assert.equal((await core.audit.signedMarks())?.number, 4)
  const raised: string[] = []
  const alarm = (message: string) => void raised.push(message)
  const check = new MarkCheck({
    ...core,
    key: core.secrets.markKey(),
    anchored: null,
    alarm,
    onPutBack: notExpected,
  })
  await check.check()
  assert.match(raised.join(), /removed from the database \(number 4\)/)
})

test('log and checkpoints without marks verify, and sign for the marks from the next checkpoint on', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  await core.audit.checkpoint()
  assert.equal('marks' in (await lastBody(core)), false)
  assert.equal(await core.audit.signedMarks(), null)
  await perform((work) => work.destroy(id))
  await core.audit.checkpoint()
  assert.equal((await core.audit.signedMarks())?.number, 1)
  assert.deepEqual((await core.audit.verify()).problems, [])
})

test('what a program without marks has destroyed gets its marks at the start, and within a minute', async (t) => {
  const { core, perform, live } = await begin(t)
  const other = await perform(createKey())
  const destroyAsBefore = (id: string) =>
    edit(core.file, `UPDATE objects SET state = 'Destroyed', material = NULL WHERE unique_identifier = ?`, id)
  await core.close()
  destroyAsBefore(live)
  const again = await core.reopen()
  await again.marks.atStart(notExpected)
  assert.deepEqual(again.marks.findings, [])
  const [instance] = await again.access.instances()
  assert.equal((await again.store.mark(instance?.id ?? '', live))?.dueMs, 0)
  again.marks.start(notExpected)
  destroyAsBefore(other)
  again.clock.pass(checkpointEveryMs)
  while (!(await again.store.mark(instance?.id ?? '', other))) await new Promise(setImmediate)
  assert.equal(await found(again), '')
})

test('a prune of the whole audit log leaves every mark, and keys that it destroyed closed', async (t) => {
  const { core, perform, gone } = await begin(t)
  const [id = ''] = gone
  const other = await perform(createKey())
  const putBack = await keepRows((sql) => edit(core.file, sql), other)
  await perform((work) => work.destroy(other))
  const before = look(core.file, 'SELECT * FROM marks')
  core.clock.pass(1_000)
  await core.audit.prune(serverActor, core.clock.now())
  const destroyed = { action: 'key.destroy', order: 'newest', limit: 10 } as const
  assert.deepEqual((await core.store.audit(destroyed)).entries, [])
  assert.deepEqual(look(core.file, 'SELECT * FROM marks'), before)
  await putBack()
  for (const one of [id, other])
    await assert.rejects(
      perform((work) => work.fetch(one)),
      faults('ObjectDestroyed'),
    )
  const again = await core.reopen()
  await again.marks.atStart(notExpected)
  assert.deepEqual(again.marks.findings, [])
})
