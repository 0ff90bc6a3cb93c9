// Cosmian's client, and each product built on it: states the Object Type among the attributes of what it creates and registers.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Attributes } from '../../src/wire/kmip/objects.ts'
import type { Request } from '../../src/wire/kmip/operations.ts'
import type { KmipSession } from '../support/clients/kmip-session.ts'
import { useServer } from '../support/server/running.ts'

let session: KmipSession
useServer(
  (_server, opened) => {
    session = opened
  },
  ['Create', 'Register', 'Get', 'GetAttributes', 'Destroy'],
)

const stated = (more: Record<string, unknown>): Attributes => ({
  Attribute: [],
  CryptographicAlgorithm: 'AES',
  CryptographicLength: 256,
  CryptographicUsageMask: 12,
  ObjectType: 'SymmetricKey',
  ...more,
})

const material = {
  KeyFormatType: 'TransparentSymmetricKey',
  KeyValue: { KeyMaterial: { Key: Buffer.alloc(32, 7) } },
}

test('Cosmian: a key is created and registered with its Object Type among the attributes', async () => {
  for (const version of ['2.0', '2.1'] as const) {
    const created = await session.ask(version, 'Create', {
      ObjectType: 'SymmetricKey',
      Attributes: stated({}),
    })
    const registered = await session.ask(version, 'Register', {
      ObjectType: 'SymmetricKey',
      Attributes: stated({}),
      SymmetricKey: {
        KeyBlock: { ...material, CryptographicAlgorithm: 'AES', CryptographicLength: 256 },
      },
    } as Request<'Register'>)
    for (const { UniqueIdentifier } of [created, registered]) {
      const got = await session.ask(version, 'Get', { UniqueIdentifier })
      assert.equal(got.ObjectType, 'SymmetricKey')
    }
  }
})

test('Cosmian: an Object Type that the object does not have is refused', async () => {
  const request = { ObjectType: 'SymmetricKey', Attributes: stated({ ObjectType: 'SecretData' }) } as const
  assert.equal(await session.refused('2.1', 'Create', request), 'AttributeReadOnly')
})
