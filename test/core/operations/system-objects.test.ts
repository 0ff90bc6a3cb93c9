// Groups, users and credentials of KMIP 3.0, a draft: what is kept of them, what nobody is given, and that they change nobody's access.
// And objects that a request names by their Name.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Attributes } from '../../../src/wire/kmip/objects.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'
import type { KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_, opened) => {
  session = opened
})

const attributes = (values: object): Attributes => ({ ...values, Attribute: [] })
const named = (name: string, more: object = {}) => attributes({ Name: [name], ...more })
const byName = (value: string) => ({ type: 'NameReference', value }) as const

async function said(UniqueIdentifier: string, ...AttributeReference: string[]): Promise<object> {
  const { Attributes } = await session.ask('3.0', 'GetAttributes', {
    UniqueIdentifier,
    AttributeReference: AttributeReference as never,
  })
  return Object.fromEntries(
    Object.entries(Attributes ?? {}).filter(([, value]) => !Array.isArray(value) || value.length > 0),
  )
}

test('a user with its credentials and a group are described, found, and destroyed', async () => {
  const der = (await makeCertificate({ commonName: 'user', ownKey: true })).certificate.der
  const password = await session.ask('3.0', 'CreateCredential', {
    CredentialType: 'Password',
    PasswordCredential: { Password: 'tiger tiger' },
  })
  const certificate = await session.ask('3.0', 'CreateCredential', {
    CredentialType: 'Certificate',
    Certificate: { CertificateType: 'X_509', CertificateValue: der },
  })
  const CredentialLink = [password.UniqueIdentifier, certificate.UniqueIdentifier]
  const user = await session.ask('3.0', 'CreateUser', { Attributes: named('ada', { CredentialLink }) })
  const group = await session.ask('3.0', 'CreateGroup', { Attributes: named('operators') })
  assert.deepEqual(await said(user.UniqueIdentifier, 'Name', 'ObjectType', 'ObjectClass', 'CredentialLink'), {
    Name: ['ada'],
    ObjectType: 'User',
    ObjectClass: 'System',
    CredentialLink,
  })
  assert.deepEqual(await said(certificate.UniqueIdentifier, 'ObjectType', 'ObjectClass'), {
    ObjectType: 'Certificate',
    ObjectClass: 'User',
  })
  const found = await session.ask('3.0', 'Locate', { Attributes: attributes({ ObjectClass: ['System'] }) })
  assert.deepEqual(found.UniqueIdentifier, [
    group.UniqueIdentifier,
    user.UniqueIdentifier,
    password.UniqueIdentifier,
  ])
  for (const version of ['1.4', '2.1', '3.0'] as const)
    for (const { UniqueIdentifier } of [password, user, group]) {
      const got = await session.one(version, { operation: 'Get', request: { UniqueIdentifier } })
      assert.equal(got.status, 'OperationFailed', version)
      assert.doesNotMatch(JSON.stringify(got.message), /tiger/)
    }
  // The SHA-256 of a password would tell it.
  assert.deepEqual(await said(password.UniqueIdentifier, 'Digest', 'KeyFormatType'), {})
  for (const { UniqueIdentifier } of [user, group, password, certificate])
    await session.ask('3.0', 'Destroy', { UniqueIdentifier })
})

test('other credentials are refused, and so is a user of a taken name', async () => {
  for (const CredentialType of [
    'Device',
    'OneTimePassword',
    'HashedPassword',
    'UsernameAndPassword',
  ] as const) {
    const refused = await session.one('3.0', { operation: 'CreateCredential', request: { CredentialType } })
    assert.equal(refused.reason, 'FeatureNotSupported')
  }
  const empty = { operation: 'CreateCredential', request: { CredentialType: 'Password' } } as const
  assert.equal((await session.one('3.0', empty)).reason, 'InvalidMessage')
  await session.ask('3.0', 'CreateUser', { Attributes: named('grace') })
  const again = await session.one('3.0', {
    operation: 'CreateUser',
    request: { Attributes: named('grace') },
  })
  assert.equal(again.reason, 'NonUniqueNameAttribute')
  const old = await session.one('2.1', {
    operation: 'CreateUser',
    request: { Attributes: attributes({}) },
  } as never)
  assert.equal(old.reason, 'OperationNotSupported')
})

test('a Name Reference stands for the one object of that Name, and a Reference for its identifier', async () => {
  const CryptographicAlgorithm = 'AES'
  const { UniqueIdentifier } = await session.ask('3.0', 'Create', {
    ObjectType: 'SymmetricKey',
    Attributes: named('by name', {
      CryptographicAlgorithm,
      CryptographicLength: 256,
      CryptographicUsageMask: 12,
    }),
  })
  for (const identifier of [byName('by name'), { type: 'Reference', value: UniqueIdentifier } as const]) {
    const answer = await session.ask('3.0', 'Get', { UniqueIdentifier: identifier })
    assert.equal(answer.UniqueIdentifier, UniqueIdentifier)
  }
  await session.ask('3.0', 'Activate', { UniqueIdentifier: byName('by name') })
  const absent = await session.one('3.0', {
    operation: 'Get',
    request: { UniqueIdentifier: byName('nobody') },
  })
  assert.deepEqual([absent.reason, absent.message], ['ObjectNotFound', 'no object has that Name'])
  // Two objects may differ by the type of their names alone.
  await session.ask('2.1', 'AddAttribute', {
    UniqueIdentifier: (await session.ask('3.0', 'CreateGroup', { Attributes: attributes({}) }))
      .UniqueIdentifier,
    NewAttribute: attributes({ Name: [{ NameValue: 'by name', NameType: 'URI' }] }),
  })
  const both = await session.one('3.0', {
    operation: 'Get',
    request: { UniqueIdentifier: byName('by name') },
  })
  assert.equal(both.reason, 'ObjectNotFound')
})

test('each kind of link is deleted by itself', async () => {
  const { UniqueIdentifier } = await session.ask('3.0', 'CreateGroup', {
    Attributes: named('linked', { NextLink: ['a', 'b'], PreviousLink: ['c'], GroupLink: [byName('mine')] }),
  })
  const old = await session.ask('2.1', 'GetAttributes', {
    UniqueIdentifier,
    AttributeName: [],
    AttributeReference: ['Link', 'ObjectGroup'],
  })
  assert.deepEqual(old.Attributes?.['ObjectGroup'], ['mine'])
  assert.deepEqual(
    (old.Attributes['Link'] as readonly { readonly LinkType: string }[]).map(({ LinkType }) => LinkType),
    ['NextLink', 'NextLink', 'PreviousLink'],
  )
  await session.ask('3.0', 'DeleteAttribute', { UniqueIdentifier, AttributeReference: 'NextLink' })
  assert.deepEqual(await said(UniqueIdentifier, 'NextLink', 'PreviousLink', 'GroupLink'), {
    PreviousLink: ['c'],
    GroupLink: [byName('mine')],
  })
  for (const [AttributeReference, reason] of [
    ['NextLink', 'AttributeNotFound'],
    ['Link', 'InvalidAttribute'],
  ] as const) {
    const request = { UniqueIdentifier, AttributeReference }
    const refused = await session.one('3.0', { operation: 'DeleteAttribute', request } as never)
    assert.equal(refused.reason, reason)
  }
  const CurrentAttribute = attributes({ PreviousLink: ['c'] })
  await session.ask('3.0', 'DeleteAttribute', { UniqueIdentifier, CurrentAttribute })
  await session.ask('3.0', 'DeleteAttribute', { UniqueIdentifier, AttributeReference: 'GroupLink' })
  assert.deepEqual(await said(UniqueIdentifier, 'PreviousLink', 'GroupLink'), {})
  const list = await session.ask('3.0', 'GetAttributeList', { UniqueIdentifier })
  assert.ok(list.AttributeReference?.includes('Name') && !list.AttributeReference.includes('Link'))
})
