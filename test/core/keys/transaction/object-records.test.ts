// Custody's questions about the records of objects: what a copy outside the database becomes here, beside what is here already.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FoundCopy } from '../../../../src/core/custody/custody.ts'
import { objectRecords } from '../../../../src/core/keys/transaction/object-records.ts'
import type { Instance } from '../../../../src/core/trust/rows.ts'
import type { Write } from '../../../../src/core/ports/store.ts'
import { createKey, openCoreWithClient } from '../../../support/server/core.ts'

const copy = (instanceId: string, identifier: string, names: readonly string[]): FoundCopy => ({
  instanceId,
  identifier,
  objectType: 'SymmetricKey',
  facts: {
    algorithm: 'AES',
    length: 256,
    mask: 12,
    names: names.map((value) => ({ value, type: 'UninterpretedTextString' })),
    closing: null,
    deactivationDate: null,
    restrictions: { sensitive: false, extractable: true, usageLimits: null },
  },
  closing: { state: 'Deactivated', at: 50, occurredAt: null, reason: null },
  createdMs: 5_000,
  sealed: Buffer.of(2),
  dataKeyId: null,
  generation: 7,
})

function objectWrite(write: Write): Write & { readonly type: 'object' } {
  assert.ok(write.type === 'object')
  return write
}

test('a copy that the database does not know becomes an object without the Names that others have, unless Names are shared', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  await perform(createKey({ Name: { NameValue: 'taken', NameType: 'UninterpretedTextString' } }))
  const found = copy(instance.id, 'k', ['taken', 'free'])
  const become = async (of: Instance | undefined) =>
    objectWrite(await objectRecords(core.store, core.clock, async () => of).recordCopy(undefined, found))
  const own = await become(instance)
  assert.deepEqual([own.names.length, own.namesShared], [1, false])
  assert.deepEqual(
    [own.record.uniqueIdentifier, own.record.state, own.record.version],
    ['k', 'Deactivated', 7],
  )
  const shared = await become({ ...instance, names: 'shared' })
  assert.deepEqual([shared.names.length, shared.namesShared], [2, true])
  const gone = await become(undefined)
  assert.deepEqual([gone.names.length, gone.namesShared], [1, false], 'the instance is gone')
})

test('a copy of an object that is here brings that one forward, and keeps its Names', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const id = await perform(createKey({ Name: { NameValue: 'own', NameType: 'UninterpretedTextString' } }))
  const record = await core.store.object(instance.id, id)
  assert.ok(record)
  const records = objectRecords(core.store, core.clock, () => assert.fail('nobody asks for the instance'))
  const written = objectWrite(await records.recordCopy(record, copy(instance.id, id, [])))
  assert.deepEqual(
    [written.names.length, written.record.state, written.record.version],
    [1, 'Deactivated', 7],
  )
  assert.deepEqual(written.record.sealed, Buffer.of(2))
})
