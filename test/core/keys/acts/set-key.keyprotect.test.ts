// What a manager sets of a key whose bytes lie in Key Protect: the standard key says it too, so that a restore from there alone brings
// the key back as it was set last.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import { maskOf } from '../../../../src/wire/kmip/enums.ts'
import { faults, manager } from '../../../support/server/core.ts'
import { bytesOf, emptyWorld, openSite, restore, siteOf } from '../../../support/root-keys/restore-site.ts'

test('a key that leaves again does so after a restore, and the wrapping keys are to be named again', async (t) => {
  const { core, instance, key, perform } = await openSite(t)
  const identify = async () => ({
    instanceId: instance.id,
    actor: manager,
    allow: ['all'],
    trustVersion: (await core.access.snapshot()).version,
    requestId: 'request-2',
  })
  const CryptographicUsageMask = maskOf('CryptographicUsageMask', ['WrapKey', 'Decrypt'])
  const closed = { Sensitive: true, Extractable: false, CryptographicUsageMask }
  const [opened, wrapping, kept] = [await key(closed), await key(closed), await key(closed)]
  await core.keys.perform(identify, (work) => work.setKey(opened, { extractable: true, sensitive: false }))
  await core.keys.perform(identify, (work) => work.setKey(wrapping, { wrapsSensitive: true }))
  await core.sweep()
  await assert.rejects(
    perform((work) =>
      work.crypto.use({ uniqueIdentifier: wrapping, use: 'Decrypt', data: Buffer.alloc(16) }),
    ),
    faults('PermissionDenied', /wrapping key/),
  )

  const empty = await emptyWorld(t, core.rootKey)
  const report = await restore(empty, core.rootKey.uri)
  assert.deepEqual([report.instance.restrictions, report.instance.wrappingKeys], ['one-way', undefined])
  const after = await siteOf(empty, report.instance)
  assert.equal((await bytesOf(after, opened)).length > 0, true)
  for (const id of [wrapping, kept]) {
    const { attributes } = (await empty.keys.show(report.instance.id, id)) ?? assert.fail()
    assert.deepEqual([first(attributes, 'Sensitive'), first(attributes, 'Extractable')], [true, false])
  }
})
