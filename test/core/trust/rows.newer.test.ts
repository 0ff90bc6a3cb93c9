// Rows of trust that a newer version wrote, on a store that two versions share: this version does not act on them, refuses the
// certificates that they may refuse, keeps them listed through its own changes, and never rewrites or removes them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { doubtfulRows } from '../../../src/core/trust/doubtful-rows.ts'
import { makeHead, makeRow, readRows, trustForm } from '../../../src/core/trust/rows.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { openCore } from '../../support/server/core.ts'
import { aBlock, aToken, newKey, signedRows } from './trust-values.ts'

const macs = newKey()
const newForm = { ...aBlock('ff'), form: trustForm + 1 }
const newKind = { kind: 'posse', id: 'x', body: '{"id":"x"}', mac: macs.mac(['posse', 'x', '{"id":"x"}']) }
const rows = signedRows(macs, 5, [
  makeRow(macs, 'block', newForm),
  makeRow(macs, 'block', aBlock('aa')),
  makeRow(macs, 'token', aToken('t')),
  newKind,
])

test('a row of a newer form or kind does not count, is told of, stays listed, and is not doubtful', () => {
  const reading = readRows(macs, 5, rows)
  assert.deepEqual([...reading.newer], ['block/ff', 'posse/x'])
  assert.deepEqual([...reading.tables.block.keys()], ['aa'])
  assert.deepEqual([...reading.withheld], ['ff'], 'what it may refuse is refused')
  assert.equal(reading.alarms.filter((alarm) => /newer version/.test(alarm)).length, 2)
  assert.deepEqual(doubtfulRows(macs, reading, rows), [])
  const later = readRows(macs, 6, [
    ...rows.filter(({ kind }) => kind !== 'head'),
    makeHead(macs, 6, reading.macs),
  ])
  assert.deepEqual([...later.newer], ['block/ff', 'posse/x'], 'the next change of trust keeps them')
  const altered = rows.map((row) => (row.kind === 'posse' ? { ...row, body: '{"id":"y"}' } : row))
  assert.match(readRows(macs, 5, altered).alarms.join(), /posse\/x was not written by this server/)
})

test('no change rewrites it', async (t) => {
  const core = await openCore(t)
  const sha256 = 'ab'.repeat(32)
  const { version, macs: listed } = await core.access.snapshot()
  const row = makeRow(core.secrets, 'block', { ...aBlock(sha256), form: trustForm + 1 } as never)
  const head = makeHead(
    core.secrets,
    version + 1,
    new Map([...listed, [`block/${sha256}`, Buffer.from(row.mac).toString('hex')]]),
  )
  const writes = [row, head].map((one) => ({ type: 'trust', row: one }) as const)
  await core.store.commit({ writes, entries: [], durability: 'disk' })
  assert.deepEqual([...(await core.access.snapshot()).newer], [`block/${sha256}`])
  await assert.rejects(core.trust.clients.block(serverActor, sha256, 'x', null), /newer version/)
  await core.trust.tokens.create(serverActor, { name: 'x', role: 'viewer', instanceId: null } as never)
  assert.deepEqual([...(await core.access.snapshot()).newer], [`block/${sha256}`])
})
