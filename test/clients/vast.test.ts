// VAST: rotates the key of a tenant by Re-key, follows the links between the old key and the new one, and reads both.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameAttribute, type KmipSession } from '../support/clients/kmip-session.ts'
import { useServer } from '../support/server/running.ts'

let session: KmipSession
useServer(
  (_server, opened) => {
    session = opened
  },
  ['Create', 'Get', 'Locate', 'Activate', 'Revoke', 'Destroy', 'ReKey', 'GetAttributes'],
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
