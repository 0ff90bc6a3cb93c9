// Archive and Recover (KMIP 1.4 §4.22, §4.23) through the mTLS listener: an archived object cannot be used or changed until it
// is recovered, but it is found and described.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maskOf } from '../../../src/wire/kmip/enums.ts'
import {
  attribute,
  locate,
  nameAttribute,
  served,
  type KmipSession,
} from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

for (const version of served)
  test(`${version}: an archived object is described and found in the archive, and not used until it is recovered`, async () => {
    const name = nameAttribute(`archived ${version}`)
    const about = { UniqueIdentifier: await session.key(version, [name]) }
    const found = async (where: 'OnLineStorage' | 'ArchivalStorage') => {
      const StorageStatusMask = maskOf('StorageStatusMask', [where])
      return (await session.ask(version, 'Locate', locate([name], { StorageStatusMask }))).UniqueIdentifier
    }
    await session.ask(version, 'Archive', about)
    const refused = {
      Get: about,
      Activate: about,
      Archive: about,
      Check: about,
      Destroy: about,
      ObtainLease: about,
      ReKey: about,
      Revoke: { ...about, RevocationReason: { RevocationReasonCode: 'KeyCompromise' } },
      AddAttribute: { ...about, Attribute: attribute('Object Group', 'g') },
    } as const
    for (const [operation, request] of Object.entries(refused))
      assert.equal(
        await session.refused(version, operation as keyof typeof refused, request as never),
        'ObjectArchived',
        operation,
      )
    assert.equal((await session.values(version, about.UniqueIdentifier, 'Archive Date')).length, 1)
    assert.deepEqual(await found('OnLineStorage'), [])
    assert.deepEqual(await found('ArchivalStorage'), [about.UniqueIdentifier])
    await session.ask(version, 'Recover', about)
    await session.ask(version, 'Recover', about)
    assert.deepEqual(await found('OnLineStorage'), [about.UniqueIdentifier])
    assert.deepEqual(await found('ArchivalStorage'), [])
    assert.deepEqual(await session.values(version, about.UniqueIdentifier, 'Archive Date'), [])
    await session.ask(version, 'Get', about)
    await session.ask(version, 'Destroy', about)
    assert.equal(await session.refused(version, 'Archive', about), 'ItemNotFound')
  })
