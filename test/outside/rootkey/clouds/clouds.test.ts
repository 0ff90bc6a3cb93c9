// Runs in a process of its own: it makes the load of a module fail.
// The services of root keys that are loaded on use.

import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { test } from 'node:test'
import { cloudSide } from '../../../support/clouds/mortise.ts'
import { reaches } from '../../../support/root-keys/rootkey-contract.ts'

test('a service whose code could not be read is loaded again when it is asked for', async (t) => {
  let failures = 0
  const hooks = registerHooks({
    load: (url, context, next) => {
      if (!url.endsWith('/vault/vault.ts') || failures > 0) return next(url, context)
      failures++
      throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })
    },
  })
  t.after(() => hooks.deregister())
  const { clouds } = cloudSide({})
  t.after(() => clouds.close())
  const open = () => clouds.open('vault:transit/key')
  await assert.rejects(open(), /EMFILE/)
  await assert.rejects(open(), reaches('root-key', /need its address/))
})
