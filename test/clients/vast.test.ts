// VAST Data 5, as the maker of another key server describes its traffic of May 2026: KMIP 1.4; a key of AES-256 made without other
// attributes, to which three Add Attributes give its Name, its Object Group and its Operation Policy Name; Activate; Locate by Name
// and Get; every minute Locate and Get Attributes of State and Activation Date. Re-key rotates: the Name leads to the new key, and the
// old one stays Active. A key that is not needed is found, revoked and destroyed. Its source is closed, so the order within a message
// and what it makes of the answers are not known to us.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { productOf } from '../../src/features/clients/products/table.ts'
import {
  aes,
  attribute,
  locate,
  materialOf,
  nameAttribute,
  type KmipSession,
} from '../support/clients/kmip-session.ts'
import { useServer } from '../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
}, productOf('vast').allow)

const group = randomUUID()
const names = [0, 1].map((index) => `VAST_EKM_KEY_2_${group}_${String(index)}`)

async function made(name: string): Promise<string> {
  const { UniqueIdentifier } = await session.ask('1.4', 'Create', aes())
  for (const added of [
    nameAttribute(name),
    attribute('Object Group', group),
    attribute('Operation Policy Name', 'default'),
  ]) {
    const { Attribute } = await session.ask('1.4', 'AddAttribute', { UniqueIdentifier, Attribute: added })
    assert.deepEqual(Attribute?.AttributeValue, added.AttributeValue)
  }
  await session.ask('1.4', 'Activate', { UniqueIdentifier })
  return UniqueIdentifier
}

async function found(name: string): Promise<readonly string[]> {
  return (await session.ask('1.4', 'Locate', locate([nameAttribute(name)]))).UniqueIdentifier
}

async function material(UniqueIdentifier: string): Promise<Buffer> {
  const { SymmetricKey } = await session.ask('1.4', 'Get', { UniqueIdentifier })
  return Buffer.from(materialOf(SymmetricKey?.KeyBlock))
}

async function watched(UniqueIdentifier: string): Promise<readonly string[]> {
  const AttributeName = ['State', 'Activation Date']
  const { Attribute = [] } = await session.ask('1.4', 'GetAttributes', { UniqueIdentifier, AttributeName })
  return Attribute.map((one) => one.AttributeName)
}

test('VAST: the keys of an encryption group are made, found, fetched, watched, rotated and retired', async () => {
  const { ProtocolVersion } = await session.ask('1.4', 'DiscoverVersions', { ProtocolVersion: [] })
  assert.ok(ProtocolVersion.length > 0)
  const ids: string[] = []
  for (const name of names) ids.push(await made(name))
  for (const [index, name] of names.entries()) assert.deepEqual(await found(name), [ids[index]])
  const [old = '', other = ''] = ids
  const before = await material(old)
  assert.equal(before.length, 32)
  assert.notDeepEqual(await material(other), before)
  assert.deepEqual(new Set(await watched(old)), new Set(['State', 'Activation Date']))

  const [name = ''] = names
  const { UniqueIdentifier: renewed } = await session.ask('1.4', 'ReKey', { UniqueIdentifier: old })
  assert.notEqual(renewed, old)
  assert.deepEqual(await found(name), [renewed])
  assert.notDeepEqual(await material(renewed), before)
  assert.deepEqual(await material(old), before, 'what was encrypted before is still read')
  assert.deepEqual(await session.values('1.4', old, 'State'), ['Active'])
  assert.deepEqual(await session.values('1.4', renewed, 'State'), ['Active'])
  assert.deepEqual(await session.values('1.4', renewed, 'Object Group'), [group])
  assert.deepEqual(await session.values('1.4', old, 'Link'), [
    { LinkType: 'ReplacementObjectLink', LinkedObjectIdentifier: renewed },
  ])
  assert.deepEqual(await session.values('1.4', renewed, 'Link'), [
    { LinkType: 'ReplacedObjectLink', LinkedObjectIdentifier: old },
  ])

  const RevocationReason = { RevocationReasonCode: 'CessationOfOperation' } as const
  for (const retired of names) {
    const [UniqueIdentifier = ''] = await found(retired)
    await session.ask('1.4', 'Revoke', { UniqueIdentifier, RevocationReason })
    assert.deepEqual(await found(retired), [UniqueIdentifier])
    await session.ask('1.4', 'Destroy', { UniqueIdentifier })
    assert.deepEqual(await found(retired), [])
  }
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
