// The copies of root keys that people said to have: each is remembered, also those of the same moment.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Needs } from '../../../src/features/root-keys/needs.ts'
import type { ApiRequester } from '../../../src/doors/http/route-request.ts'
import { rootKeyCopyHandlers } from '../../../src/features/root-keys/copies-handlers.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { openCore } from '../../support/server/core.ts'

const first = 'file:/keys/first.key'
const second = 'file:/keys/second.key'

test('copies of two root keys that are recorded at the same moment are both remembered', async (t) => {
  const { audit, clock, notes } = await openCore(t)
  const context = {
    audit,
    clock,
    notes,
    access: { instances: async () => [{ rootKeyUri: second }] },
    rootKeys: { initial: first },
    machine: { rootKeyFiles: async ([id]: readonly string[]) => [{ id }] },
  } as unknown as Needs
  const asker = { actor: serverActor, by: { name: 'ann' }, requestId: null } as unknown as ApiRequester
  const record = (rootKey: string) =>
    rootKeyCopyHandlers.recordRootKeyCopy(context, { asker, body: { rootKey } } as Parameters<
      typeof rootKeyCopyHandlers.recordRootKeyCopy
    >[1])
  await Promise.all([record(first), record(second)])
  await record(second)
  const copies = (await notes.read('root-key-copies')) ?? []
  assert.deepEqual(
    copies.map(({ rootKeyId }) => rootKeyId),
    [first, second],
  )
})
