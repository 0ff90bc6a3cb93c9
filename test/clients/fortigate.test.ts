// A FortiGate (FortiOS 7.6), as the maker of another key server describes its traffic: KMIP 1.0, a user name and password on each
// message, four Locates in one message, each by a Name within a Template-Attribute and for one item at most; then Create of what
// was not found, Activate, Get and Destroy.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  attribute,
  locate,
  nameAttribute,
  template,
  type KmipSession,
} from '../support/clients/kmip-session.ts'
import { useServer } from '../support/server/running.ts'
import { productOf } from '../../src/features/clients/products/table.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
}, productOf('fortigate').allow)

const keys = [
  ['fg-local-id-enc-aes-16', 'AES', 128],
  ['fg-local-id-enc-aes-32', 'AES', 256],
  ['fg-local-id-auth-sha1-20', 'HMAC_SHA1', 160],
  ['fg-local-id-auth-sha256-32', 'HMAC_SHA256', 256],
] as const

async function found(): Promise<readonly (readonly string[])[]> {
  const items = keys.map(([name]) => ({
    operation: 'Locate' as const,
    request: { ...locate([], { MaximumItems: 1 }), ...template([nameAttribute(name)]) },
  }))
  const answers = await session.send('1.0', items)
  return answers.map(({ status, message, payload }) => {
    assert.equal(status, 'Success', message)
    return (payload as { UniqueIdentifier: string[] }).UniqueIdentifier
  })
}

test('FortiGate: each key is found by its own Name, which stands in a Template-Attribute', async () => {
  await session.key('1.0', [nameAttribute('somebody else')])
  assert.deepEqual(await found(), [[], [], [], []])
  const ids: string[] = []
  for (const [name, algorithm, length] of keys) {
    const { UniqueIdentifier } = await session.ask('1.0', 'Create', {
      ObjectType: 'SymmetricKey',
      ...template([
        attribute('Cryptographic Algorithm', algorithm),
        attribute('Cryptographic Length', length),
        attribute('Cryptographic Usage Mask', 12),
        nameAttribute(name),
      ]),
    })
    await session.ask('1.0', 'Activate', { UniqueIdentifier })
    ids.push(UniqueIdentifier)
  }
  assert.deepEqual(
    await found(),
    ids.map((id) => [id]),
  )
  const { SymmetricKey } = await session.ask('1.0', 'Get', { UniqueIdentifier: ids[2] ?? '' })
  assert.equal(SymmetricKey?.KeyBlock.CryptographicLength, 160)
})
