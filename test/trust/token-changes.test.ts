// Tokens are made on the rows as they are at the moment of the commit.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeInstance, manager, openCore } from '../support/core.ts'

test('no token is made for an instance that is gone, which a restore would bring back', async (t) => {
  const core = await openCore(t)
  const { id: instanceId } = await makeInstance(core, 'red')
  await core.trust.instances.remove(manager, instanceId)
  const wanted = { name: 'late', role: 'manager', instanceId, expiresMs: null } as const
  await assert.rejects(core.trust.tokens.create(manager, wanted), { name: 'TrustRefused', code: 'not-found' })
  assert.equal((await core.access.snapshot()).tables.token.size, 0)
})
