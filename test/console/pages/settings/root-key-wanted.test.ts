// What a form about a root key asks the API for.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isService, rootKeyBody } from '../../../../console/src/pages/settings/root-key-wanted.ts'

test('custody and API key are said for a service alone', () => {
  const filled = { custody: 'keyprotect', ibmApiKey: 'secret' } as const
  assert.deepEqual(rootKeyBody({ ...filled, rootKey: ' file:b.key ' }), { rootKey: 'file:b.key' })
  assert.deepEqual(rootKeyBody({ ...filled, rootKey: 'hpcs://h/i/k' }), {
    rootKey: 'hpcs://h/i/k',
    ...filled,
  })
  assert.deepEqual(rootKeyBody({ rootKey: 'KeyProtect://h/i/k', custody: 'database', ibmApiKey: '' }), {
    rootKey: 'KeyProtect://h/i/k',
    custody: 'database',
  })
  assert.ok(!isService('file:keyprotect:'))
})
