// Export and Import (KMIP 1.4 §4.40, §4.41) through the mTLS listener: what leaves comes back as it was, under its own or another
// identifier, and nothing that a client brings turns one object into another.

import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { afterEach, test } from 'node:test'
import type { Request, Response } from '../../../src/wire/kmip/operations.ts'
import {
  attribute,
  batch,
  materialOf,
  nameAttribute,
  template,
  text,
  type KmipSession,
} from '../../support/clients/kmip-session.ts'
import { allowOnly, useServer, type RunningServer } from '../../support/server/running.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'
import { keyRoutes } from '../../../src/features/keys/routes.ts'

let server: RunningServer
let session: KmipSession
useServer(
  (running, opened) => {
    server = running
    session = opened
  },
  undefined,
  'as-sent',
)
afterEach(() => allowOnly(server, 'all'))

/** An attribute as messages have it. */
type Sent = ReturnType<typeof attribute>
type Wire = NonNullable<Response<'Export'>['Attribute']>[number]

const exported = (UniqueIdentifier: string, more: Partial<Request<'Export'>> = {}) =>
  session.ask('1.4', 'Export', { UniqueIdentifier, ...more })

/** The request that brings what was exported, under this identifier. */
function importOf(
  { Attribute = [], ...left }: Response<'Export'>,
  UniqueIdentifier = left.UniqueIdentifier,
  change: (attributes: readonly Wire[]) => readonly Wire[] = (all) => all,
  more: Partial<Request<'Import'>> = {},
): Request<'Import'> {
  const { ObjectType, ...object } = left
  assert.ok(ObjectType)
  const own = Attribute.map((one) =>
    one.AttributeName === 'Unique Identifier' ? attribute('Unique Identifier', UniqueIdentifier) : one,
  )
  return { ...object, UniqueIdentifier, Attribute: change(own), ...more }
}

const without =
  (...names: string[]) =>
  (all: readonly Wire[]) =>
    all.filter(({ AttributeName }) => !names.includes(AttributeName))

const withValue = (name: string, value: unknown) => (all: readonly Wire[]) => [
  ...without(name)(all),
  attribute(name, value),
]

const valueOf = (attributes: readonly Wire[] | undefined, name: string) =>
  attributes?.find(({ AttributeName }) => AttributeName === name)?.AttributeValue

async function register(
  objectType: 'SymmetricKey' | 'SecretData' | 'PrivateKey',
  object: unknown,
  more: readonly Sent[] = [],
): Promise<string> {
  const request = {
    ObjectType: objectType,
    ...template([attribute('Cryptographic Usage Mask', 12), ...more]),
    [objectType]: object,
  } as unknown as Request<'Register'>
  return (await session.ask('1.4', 'Register', request)).UniqueIdentifier
}

const rawKey = (bytes: Buffer, more: object = {}) => ({
  KeyBlock: {
    KeyFormatType: 'Raw',
    KeyValue: { KeyMaterial: Buffer.from(bytes) },
    CryptographicAlgorithm: 'AES',
    CryptographicLength: bytes.length * 8,
    ...more,
  },
})

test('a key that was exported is imported under another identifier with every attribute and its bytes', async () => {
  const id = await session.key('1.4', [
    nameAttribute('exported'),
    text('x-Note', 'one'),
    text('x-Note', 'two'),
    attribute('Usage Limits', { UsageLimitsTotal: 1000n, UsageLimitsUnit: 'Byte' }),
    attribute('Object Group', 'group'),
  ])
  await session.ask('1.4', 'DeleteAttribute', {
    UniqueIdentifier: id,
    AttributeName: 'x-Note',
    AttributeIndex: 0,
  })
  await session.ask('1.4', 'Activate', { UniqueIdentifier: id })
  await session.ask('1.4', 'GetUsageAllocation', { UniqueIdentifier: id, UsageLimitsCount: 400n })
  await session.ask('1.4', 'Revoke', {
    UniqueIdentifier: id,
    RevocationReason: { RevocationReasonCode: 'KeyCompromise', RevocationMessage: 'stolen' },
    CompromiseOccurrenceDate: 1_000_000_000n,
  })
  const left = await exported(id)
  assert.equal(valueOf(left.Attribute, 'State'), 'Compromised')
  const other = `moved/${randomUUID()}`
  const said = await session.refused('1.4', 'Import', importOf(left, other))
  assert.equal(said, 'InvalidField', 'the Name is taken')
  await session.ask('1.4', 'Destroy', { UniqueIdentifier: id })
  assert.deepEqual(await session.ask('1.4', 'Import', importOf(left, other)), { UniqueIdentifier: other })
  const back = await exported(other)
  const comparable = without('Unique Identifier', 'Fresh')
  assert.deepEqual(comparable(back.Attribute ?? []), comparable(left.Attribute ?? []))
  assert.equal(valueOf(back.Attribute, 'Fresh'), true, 'as it was when it left')
  assert.deepEqual(materialOf(back.SymmetricKey?.KeyBlock), materialOf(left.SymmetricKey?.KeyBlock))
  // Destroyed: the attributes alone leave.
  const gone = await exported(id)
  assert.equal(valueOf(gone.Attribute, 'State'), 'DestroyedCompromised')
  assert.equal(gone.SymmetricKey, undefined)
})

test('Secret Data comes back only with the digest that it has, which is never stored', async () => {
  const password = Buffer.from('hunter2')
  const secret = { SecretDataType: 'Password', ...rawKey(password, { CryptographicAlgorithm: undefined }) }
  const block = { ...secret.KeyBlock, CryptographicLength: undefined }
  const id = await register('SecretData', { SecretDataType: 'Password', KeyBlock: block })
  const left = await exported(id)
  const digest = valueOf(left.Attribute, 'Digest') as { DigestValue: Buffer }
  const other = randomUUID()
  const wrong = { ...digest, DigestValue: randomBytes(32) }
  const refused = importOf(left, other, withValue('Digest', wrong))
  assert.equal(await session.refused('1.4', 'Import', refused), 'InvalidField')
  await session.ask('1.4', 'Import', importOf(left, other))
  assert.deepEqual((await session.values('1.4', other, 'Digest'))[0], digest)
  const shown = await server.admin.call(keyRoutes.showKey, { instance: 'default', key: other })
  assert.doesNotMatch(JSON.stringify(shown), new RegExp(digest.DigestValue.toString('hex')))
})

test('what is here keeps its bytes and its state, and gets other attributes if that is asked for', async () => {
  const id = await session.key('1.4', [nameAttribute('replaced'), text('x-Old', 'old')])
  await session.ask('1.4', 'Activate', { UniqueIdentifier: id })
  const left = await exported(id)
  assert.equal(await session.refused('1.4', 'Import', importOf(left)), 'ObjectAlreadyExists')
  const again = { ReplaceExisting: true }
  const changed = importOf(
    left,
    id,
    (all) => [...without('x-Old', 'Name')(all), nameAttribute('other'), text('x-New', 'new')],
    again,
  )
  await session.ask('1.4', 'Import', changed)
  assert.deepEqual(await session.values('1.4', id, 'x-Old'), [])
  assert.deepEqual(await session.values('1.4', id, 'x-New'), [{ type: 'TextString', value: 'new' }])
  assert.deepEqual(await session.values('1.4', id, 'State'), ['Active'])
  assert.deepEqual(await session.values('1.4', id, 'Last Change Date'), [
    valueOf(left.Attribute, 'Last Change Date'),
  ])
  await session.key('1.4', [nameAttribute('replaced')])
  const bytes = { ...left, SymmetricKey: rawKey(randomBytes(32)) } as unknown as Response<'Export'>
  const refusals: readonly (readonly [string, Request<'Import'>])[] = [
    ['PermissionDenied', importOf(bytes, id, without('Digest'), again)],
    ['PermissionDenied', importOf(left, id, withValue('State', 'PreActive'), again)],
    ['PermissionDenied', importOf(left, id, withValue('State', 'Compromised'), again)],
    ['InvalidField', importOf(left, id, withValue('Name', namePlain('replaced')), again)],
    ['InvalidField', importOf(left, id, withValue('State', 'Destroyed'), again)],
  ]
  for (const [index, [reason, request]] of refusals.entries())
    assert.equal(await session.refused('1.4', 'Import', request), reason, String(index))
  await session.ask('1.4', 'Archive', { UniqueIdentifier: id })
  assert.equal(await session.refused('1.4', 'Import', changed), 'ObjectArchived')
  assert.equal(await session.refused('1.4', 'Export', { UniqueIdentifier: id }), 'ObjectArchived')
  await session.ask('1.4', 'Recover', { UniqueIdentifier: id })
  assert.deepEqual(
    materialOf((await exported(id)).SymmetricKey?.KeyBlock),
    materialOf(left.SymmetricKey?.KeyBlock),
  )
  const code = { RevocationReasonCode: 'CessationOfOperation' } as const
  await session.ask('1.4', 'Revoke', { UniqueIdentifier: id, RevocationReason: code })
  assert.equal(await session.refused('1.4', 'Import', changed), 'PermissionDenied', 'it stays closed')
  await session.ask('1.4', 'Destroy', { UniqueIdentifier: id })
  assert.equal(await session.refused('1.4', 'Import', changed), 'PermissionDenied', 'it stays destroyed')
  assert.equal(await session.refused('1.4', 'Import', importOf(left)), 'ObjectAlreadyExists')
})

const namePlain = (NameValue: string) => ({ NameValue, NameType: 'UninterpretedTextString' })

test('an identifier, attributes and an object that do not fit together are Invalid Fields', async () => {
  const left = await exported(await session.key('1.4'))
  const free = randomUUID()
  const bad: readonly Request<'Import'>[] = [
    importOf(left, ''),
    importOf(left, 'x'.repeat(1025)),
    importOf(left, free, (all) => [
      ...without('Unique Identifier')(all),
      attribute('Unique Identifier', 'y'),
    ]),
    importOf(left, free, withValue('Object Type', 'SecretData')),
    importOf(left, free, (all) => [...all, { ...text('x-Note', 'last'), AttributeIndex: 2 ** 31 - 1 }]),
    importOf(left, free, withValue('Cryptographic Length', 128)),
    importOf(left, free, withValue('Cryptographic Algorithm', 'RSA')),
    importOf(left, free, withValue('Certificate Length', 3)),
    importOf(left, free, withValue('Always Sensitive', true)),
    importOf(left, free, withValue('Never Extractable', true)),
    importOf(left, free, withValue('Destroy Date', 1n)),
    importOf(left, free, (all) => [...all, attribute('State', 'Active', 1)]),
    importOf(left, free, (all) => [
      ...all,
      text('x-One', 'a'),
      attribute('x-One', { type: 'Integer', value: 1 }, 0),
    ]),
    { ...importOf(left, free), SymmetricKey: undefined },
    {
      ...importOf(left, free),
      SecretData: { SecretDataType: 'Password', ...rawKey(randomBytes(8)) },
    } as never,
  ]
  for (const [index, request] of bad.entries())
    assert.equal(await session.refused('1.4', 'Import', request), 'InvalidField', String(index))
  assert.equal(await session.refused('1.4', 'Get', { UniqueIdentifier: free }), 'ItemNotFound')
})

test('Sensitive and Extractable hold for Export as for Get, and Export counts as one', async () => {
  const kek = await register('SymmetricKey', rawKey(randomBytes(32)), [
    attribute('Cryptographic Parameters', { BlockCipherMode: 'NISTKeyWrap' }),
  ])
  await session.ask('1.4', 'ModifyAttribute', {
    UniqueIdentifier: kek,
    Attribute: attribute('Extractable', false),
  })
  assert.equal(await session.refused('1.4', 'Export', { UniqueIdentifier: kek }), 'NotExtractable')
  const sensitive = await session.key('1.4', [attribute('Sensitive', true)])
  assert.equal(await session.refused('1.4', 'Export', { UniqueIdentifier: sensitive }), 'Sensitive')
  const plain = await session.key('1.4')
  await exported(plain)
  assert.deepEqual(await session.values('1.4', plain, 'Fresh'), [false])
  const { entries } = await server.admin.call(auditRoutes.listInstanceAudit, {
    instance: 'default',
    query: { object: plain },
  })
  const told = entries.filter(({ action }) => action === 'key.get')
  assert.deepEqual(
    told.map(({ result, detail }) => [result, detail]),
    [['success', { operation: 'Export' }]],
  )
})

test('a key leaves wrapped, and is stored wrapped or, if that is asked for, unwrapped', async () => {
  const bytes = randomBytes(32)
  const request = {
    ObjectType: 'SymmetricKey',
    ...template([
      attribute('Cryptographic Usage Mask', 0x30),
      attribute('Activation Date', 1000n),
      attribute('Cryptographic Parameters', { BlockCipherMode: 'NISTKeyWrap' }),
    ]),
    SymmetricKey: rawKey(randomBytes(32)),
  } as unknown as Request<'Register'>
  const { UniqueIdentifier: kek } = await session.ask('1.4', 'Register', request)
  const KeyWrappingSpecification = {
    WrappingMethod: 'Encrypt',
    EncryptionKeyInformation: { UniqueIdentifier: kek, CryptographicParameters: undefined },
    AttributeName: [],
    EncodingOption: 'NoEncoding',
  } as const
  const sensitive = await register('SymmetricKey', rawKey(bytes), [attribute('Sensitive', true)])
  const left = await exported(sensitive, { KeyWrappingSpecification })
  assert.ok(left.SymmetricKey?.KeyBlock.KeyValue instanceof Uint8Array)
  const [asWrapped, plain] = [randomUUID(), randomUUID()]
  const open = withValue('Sensitive', false)
  const opened = (all: readonly Wire[]) => withValue('Always Sensitive', false)(open(all))
  await session.ask('1.4', 'Import', importOf(left, asWrapped, opened))
  const got = await session.ask('1.4', 'Get', { UniqueIdentifier: asWrapped })
  assert.deepEqual(got.SymmetricKey?.KeyBlock.KeyValue, left.SymmetricKey.KeyBlock.KeyValue)
  await session.ask('1.4', 'Import', importOf(left, plain, opened, { KeyWrapType: 'NotWrapped' }))
  assert.deepEqual(materialOf((await exported(plain)).SymmetricKey?.KeyBlock), bytes)
  // The bytes are no private key, as comes out once they are unwrapped. The refusal is in the audit as that of the Import.
  const no = randomUUID()
  const KeyBlock = { ...left.SymmetricKey.KeyBlock, KeyFormatType: 'PKCS_8' as const }
  const asPrivate = {
    ...left,
    ObjectType: 'PrivateKey',
    SymmetricKey: undefined,
    PrivateKey: { KeyBlock },
  } as const
  const bad = importOf(asPrivate, no, () => [], { KeyWrapType: 'NotWrapped' })
  assert.equal(await session.refused('1.4', 'Import', bad), 'InvalidField')
  const about = { instance: 'default', query: { object: no } } as const
  const { entries } = await server.admin.call(auditRoutes.listInstanceAudit, about)
  assert.deepEqual(
    entries.map(({ action, result }) => [action, result]),
    [['key.import', 'refused']],
  )
  const code = { RevocationReasonCode: 'CessationOfOperation' } as const
  await session.ask('1.4', 'Revoke', { UniqueIdentifier: kek, RevocationReason: code })
  await session.ask('1.4', 'Destroy', { UniqueIdentifier: kek })
  const late = importOf(left, randomUUID(), opened, { KeyWrapType: 'NotWrapped' })
  assert.equal(await session.refused('1.4', 'Import', late), 'ItemNotFound', 'the wrapping key is gone')
})

test('Undo takes an Import back, and an import within a batch becomes its ID Placeholder', async () => {
  const left = await exported(await session.key('1.4'))
  const free = randomUUID()
  const undone = batch(
    { operation: 'Import', request: importOf(left, free) },
    { operation: 'Destroy', request: { UniqueIdentifier: randomUUID() } },
  )
  await session.send('1.4', undone, { batchErrorContinuationOption: 'Undo' })
  assert.equal(await session.refused('1.4', 'Get', { UniqueIdentifier: free }), 'ItemNotFound')
  const [, got] = await session.send(
    '1.4',
    batch({ operation: 'Import', request: importOf(left, free) }, { operation: 'Export', request: {} }),
  )
  assert.equal((got?.payload as Response<'Export'> | undefined)?.UniqueIdentifier, free)
})

test('no set of operations but all has Import and Export; a client may be allowed them by name', async () => {
  const left = await exported(await session.key('1.4'))
  await allowOnly(server, 'vsphere', 'crypto', 'read')
  assert.equal(await session.refused('1.4', 'Import', importOf(left, randomUUID())), 'PermissionDenied')
  assert.equal(await session.refused('1.4', 'Export', { UniqueIdentifier: 'x' }), 'PermissionDenied')
  await allowOnly(server, 'Import')
  await session.ask('1.4', 'Import', importOf(left, randomUUID()))
})

test('a private key keeps its format, and what it says of itself must be true of it', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' })
  const block = { KeyFormatType: 'PKCS_8', KeyValue: { KeyMaterial: Buffer.from(pkcs8) } }
  const id = await register('PrivateKey', { KeyBlock: block })
  const left = await exported(id)
  const other = randomUUID()
  await session.ask('1.4', 'Import', importOf(left, other))
  const { PrivateKey } = await session.ask('1.4', 'Get', {
    UniqueIdentifier: other,
    KeyFormatType: 'ECPrivateKey',
  })
  assert.deepEqual(materialOf(PrivateKey?.KeyBlock), privateKey.export({ format: 'der', type: 'sec1' }))
  const curve = withValue('Cryptographic Domain Parameters', { RecommendedCurve: 'P_384' })
  assert.equal(await session.refused('1.4', 'Import', importOf(left, randomUUID(), curve)), 'InvalidField')
})
