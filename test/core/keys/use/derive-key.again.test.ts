// What a Derive Key makes if its request's work runs again, because others changed what it was decided on.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { maskOf } from '../../../../src/wire/kmip/enums.ts'
import { createKey, manager, openCoreWithClient, attributeSet } from '../../../support/server/core.ts'

test('a key that is derived of one made in the same transaction is of the base that is stored, also if the work ran again', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const mask = maskOf('CryptographicUsageMask', ['DeriveKey'])
  const attributes = attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 256 })
  let attempts = 0
  const made = await perform(async (work) => {
    const base = await createKey({ CryptographicUsageMask: mask, ActivationDate: 0n })(work)
    const derived = await work.crypto.derive({
      object: { objectType: 'SymmetricKey', attributes },
      bases: [base],
      method: 'HASH',
      parameters: { cryptographic: { HashingAlgorithm: 'SHA_256' } },
    })
    if (++attempts === 1) await core.trust.instances.update(manager, instance.id, { cacheSeconds: 301 })
    return { base, derived }
  })
  assert.equal(attempts, 2)
  const bytesOf = (id: string) => perform(async (work) => Buffer.from((await work.fetch(id)).material.bytes))
  const base = await bytesOf(made.base)
  assert.deepEqual(await bytesOf(made.derived), createHash('sha256').update(base).digest())
})
