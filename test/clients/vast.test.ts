// VAST: rotates the key of a tenant by Re-key, follows the links between the old key and the new one, and reads both.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attribute, nameAttribute, type KmipSession } from '../support/clients/kmip-session.ts'
import { useServer } from '../support/server/running.ts'

let session: KmipSession
useServer(
  (_server, opened) => {
    session = opened
  },
  ['Create', 'AddAttribute', 'Get', 'Locate', 'Activate', 'Revoke', 'Destroy', 'ReKey', 'GetAttributes'],
)

test('VAST: Re-key gives a new key in the place of the old one, and each names the other', async () => {
  const old = await session.key('1.4', [nameAttribute('tenant key')])
  const { UniqueIdentifier: made } = await session.ask('1.4', 'ReKey', { UniqueIdentifier: old })
  assert.deepEqual(await session.values('1.4', old, 'Link'), [
    { LinkType: 'ReplacementObjectLink', LinkedObjectIdentifier: made },
  ])
  assert.deepEqual(await session.values('1.4', made, 'Link'), [
    { LinkType: 'ReplacedObjectLink', LinkedObjectIdentifier: old },
  ])
  await session.ask('1.4', 'Activate', { UniqueIdentifier: made })
  for (const UniqueIdentifier of [old, made]) await session.ask('1.4', 'Get', { UniqueIdentifier })
})

test('VAST: the policy with which a key was made is added to it again, and changes nothing', async () => {
  const policy = attribute('Operation Policy Name', 'default')
  const UniqueIdentifier = await session.key('1.4', [policy])
  const before = await session.ask('1.4', 'GetAttributes', { UniqueIdentifier, AttributeName: [] })
  const again = await session.ask('1.4', 'AddAttribute', { UniqueIdentifier, Attribute: policy })
  assert.deepEqual(again.Attribute, policy)
  assert.deepEqual(await session.ask('1.4', 'GetAttributes', { UniqueIdentifier, AttributeName: [] }), before)
  const other = attribute('Operation Policy Name', 'other')
  assert.equal(
    await session.refused('1.4', 'AddAttribute', { UniqueIdentifier, Attribute: other }),
    'IllegalOperation',
  )
})
