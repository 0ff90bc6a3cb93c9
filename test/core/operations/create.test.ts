// Create, Get, Activate, Check, Revoke and Destroy through the mTLS listener, in each served version: the answers, the
// states between them, and every refusal of the specification's tables that can occur (KMIP 1.4 §11.2, §11.11, §11.12,
// §11.20 to §11.22). The session checks that each answer echoes its request and has nothing that its version lacks.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { maskOf } from '../../../src/wire/kmip/enums.ts'
import type { OperationName, Request } from '../../../src/wire/kmip/operations.ts'
import { atLeast } from '../../../src/wire/kmip/version.ts'
import { templatesMax } from '../../../src/core/operations/wanted-attributes.ts'
import {
  aes,
  attribute,
  attributesOf,
  nameAttribute,
  served,
  template,
  type KmipSession,
} from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

const cessation = { RevocationReason: { RevocationReasonCode: 'CessationOfOperation' } } as const
const compromise = { RevocationReason: { RevocationReasonCode: 'KeyCompromise' } } as const

async function state(UniqueIdentifier: string): Promise<unknown> {
  return (await session.values('1.1', UniqueIdentifier, 'State'))[0]
}

for (const version of served) {
  test(`${version}: a key is created Pre-Active, fetched, activated, revoked and destroyed`, async () => {
    const created = await session.ask(version, 'Create', aes())
    const { UniqueIdentifier } = created
    assert.deepEqual(created, { ObjectType: 'SymmetricKey', UniqueIdentifier })
    assert.match(UniqueIdentifier, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    assert.equal(await state(UniqueIdentifier), 'PreActive')

    const got = await session.ask(version, 'Get', { UniqueIdentifier })
    const block = got.SymmetricKey?.KeyBlock
    assert.deepEqual(Object.keys(got).toSorted(), ['ObjectType', 'SymmetricKey', 'UniqueIdentifier'])
    assert.equal(got.UniqueIdentifier, UniqueIdentifier)
    assert.deepEqual(block, {
      KeyFormatType: 'Raw',
      KeyValue: block?.KeyValue,
      CryptographicAlgorithm: 'AES',
      CryptographicLength: 256,
    })
    const material = materialOf(got)
    assert.equal(material.length, 32)
    assert.deepEqual(materialOf(await session.ask(version, 'Get', { UniqueIdentifier })), material)

    assert.deepEqual(await session.ask(version, 'Activate', { UniqueIdentifier }), { UniqueIdentifier })
    assert.equal(await state(UniqueIdentifier), 'Active')
    assert.deepEqual(await session.ask(version, 'Revoke', { UniqueIdentifier, ...cessation }), {
      UniqueIdentifier,
    })
    assert.equal(await state(UniqueIdentifier), 'Deactivated')
    assert.deepEqual(materialOf(await session.ask(version, 'Get', { UniqueIdentifier })), material)
    assert.deepEqual(await session.ask(version, 'Destroy', { UniqueIdentifier }), { UniqueIdentifier })
    assert.equal(await state(UniqueIdentifier), 'Destroyed')
    assert.equal(await session.refused(version, 'Get', { UniqueIdentifier }), 'ItemNotFound')
  })

  test(`${version}: what names no object is Item Not Found, in every operation`, async () => {
    const asked: { readonly [N in OperationName]?: object } = {
      Activate: {},
      AddAttribute: { Attribute: attribute('x-A', { type: 'Integer', value: 1 }) },
      Check: {},
      DeleteAttribute: { AttributeName: 'x-A' },
      Destroy: {},
      Get: {},
      GetAttributeList: {},
      GetAttributes: { AttributeName: [] },
      ModifyAttribute: { Attribute: attribute('x-A', { type: 'Integer', value: 1 }) },
      Revoke: cessation,
    }
    const unknown = [randomUUID(), '', 'x'.repeat(1024), 'x'.repeat(5000), '\u{1f511}', undefined]
    for (const [operation, request] of Object.entries(asked))
      for (const UniqueIdentifier of unknown)
        assert.equal(
          await session.refused(version, operation as 'Get', { ...request, UniqueIdentifier }),
          'ItemNotFound',
          `${operation} of ${String(UniqueIdentifier).slice(0, 40)}`,
        )
  })

  test(`${version}: Destroy is refused while Active and of what is destroyed`, async () => {
    const active = await session.key(version)
    await session.ask(version, 'Activate', { UniqueIdentifier: active })
    assert.equal(await session.refused(version, 'Destroy', { UniqueIdentifier: active }), 'PermissionDenied')
    await session.ask(version, 'Get', { UniqueIdentifier: active })
    const preActive = await session.key(version)
    await session.ask(version, 'Destroy', { UniqueIdentifier: preActive })
    assert.equal(
      await session.refused(version, 'Destroy', { UniqueIdentifier: preActive }),
      'PermissionDenied',
    )
  })

  test(`${version}: Activate is refused of what is not Pre-Active, and of what has no state`, async () => {
    const UniqueIdentifier = await session.key(version)
    await session.ask(version, 'Activate', { UniqueIdentifier })
    assert.equal(await session.refused(version, 'Activate', { UniqueIdentifier }), 'PermissionDenied')
    await session.ask(version, 'Revoke', { UniqueIdentifier, ...cessation })
    assert.equal(await session.refused(version, 'Activate', { UniqueIdentifier }), 'PermissionDenied')
    const opaque = await session.ask(version, 'Register', {
      ObjectType: 'OpaqueObject',
      ...template([]),
      OpaqueObject: { OpaqueDataType: 0x80000000, OpaqueDataValue: Buffer.from('opaque') },
    })
    assert.equal(await session.refused(version, 'Activate', opaque), 'IllegalOperation')
    assert.equal(await session.refused(version, 'Revoke', { ...opaque, ...cessation }), 'IllegalOperation')
    await session.ask(version, 'Revoke', {
      ...opaque,
      RevocationReason: { RevocationReasonCode: 'KeyCompromise' },
    })
    assert.equal((await session.values(version, opaque.UniqueIdentifier, 'Compromise Date')).length, 1)
    assert.deepEqual(await session.values(version, opaque.UniqueIdentifier, 'State'), [])
    await session.ask(version, 'Destroy', { UniqueIdentifier: opaque.UniqueIdentifier })
  })

  test(`${version}: Revoke with a compromise goes from any state, with another reason from Active only`, async () => {
    const UniqueIdentifier = await session.key(version)
    assert.equal(
      await session.refused(version, 'Revoke', { UniqueIdentifier, ...cessation }),
      'IllegalOperation',
    )
    const occurred = 1_000_000_000n
    await session.ask(version, 'Revoke', {
      UniqueIdentifier,
      RevocationReason: { RevocationReasonCode: 'KeyCompromise', RevocationMessage: 'left on a train' },
      CompromiseOccurrenceDate: occurred,
    })
    assert.equal(await state(UniqueIdentifier), 'Compromised')
    assert.deepEqual(await session.values(version, UniqueIdentifier, 'Compromise Occurrence Date'), [
      occurred,
    ])
    assert.deepEqual(await session.values(version, UniqueIdentifier, 'Revocation Reason'), [
      { RevocationReasonCode: 'KeyCompromise', RevocationMessage: 'left on a train' },
    ])
    await session.ask(version, 'Get', { UniqueIdentifier })
    await session.ask(version, 'Destroy', { UniqueIdentifier })
    assert.equal(await state(UniqueIdentifier), 'DestroyedCompromised')
    const destroyed = await session.key(version)
    await session.ask(version, 'Destroy', { UniqueIdentifier: destroyed })
    await session.ask(version, 'Revoke', { UniqueIdentifier: destroyed, ...compromise })
    assert.equal(await state(destroyed), 'DestroyedCompromised')
  })

  test(`${version}: Create refuses what it cannot make`, async () => {
    const bad: [object, string][] = [
      [{ ObjectType: 'Certificate', ...template([]) }, 'InvalidField'],
      [{ ObjectType: 'SymmetricKey', ...template([]) }, 'InvalidField'],
      [aes([attribute('Cryptographic Length', 128)]), 'InvalidField'],
      [{ ObjectType: 'SymmetricKey', ...template(aesWith(255)) }, 'InvalidField'],
      [{ ObjectType: 'SymmetricKey', ...template(aesWith(0)) }, 'InvalidField'],
      [{ ObjectType: 'SymmetricKey', ...template(aesWith(-128)) }, 'InvalidField'],
      [aes([attribute('State', 'Active')]), 'InvalidField'],
      [aes([attribute('Unique Identifier', 'mine')]), 'InvalidField'],
      [aes([attribute('Certificate Type', 'X_509')]), 'InvalidField'],
      [aes([attribute('No Such Attribute', { type: 'Integer', value: 1 })]), 'InvalidField'],
      [aes([attribute('Contact Information', 'a'), attribute('Contact Information', 'b')]), 'InvalidField'],
      [aes(many(1001)), 'IndexOutOfBounds'],
      [ofTemplates(templatesMax), 'ItemNotFound'],
      [ofTemplates(templatesMax + 1), 'InvalidField'],
      [
        aes([attribute('Application Specific Information', { ApplicationNamespace: 'ours' })]),
        namespaceReason,
      ],
    ]
    for (const [request, reason] of bad)
      assert.equal(
        await session.refused(version, 'Create', request as Request<'Create'>),
        reason,
        JSON.stringify(request).slice(0, 200),
      )
  })

  test(`${version}: a Name is unique among the objects that are not destroyed`, async () => {
    const name = nameAttribute(`taken ${version}`)
    const first = await session.key(version, [name])
    const second = await session.key(version)
    assert.equal(await session.refused(version, 'Create', aes([name])), 'InvalidField')
    const add = { UniqueIdentifier: second, Attribute: name }
    assert.equal(await session.refused(version, 'AddAttribute', add), 'IllegalOperation')
    await session.ask(version, 'AddAttribute', { ...add, Attribute: nameAttribute(`free ${version}`) })
    assert.equal(await session.refused(version, 'ModifyAttribute', add), 'IllegalOperation')
    await session.ask(version, 'Destroy', { UniqueIdentifier: first })
    await session.ask(version, 'ModifyAttribute', add)
    assert.deepEqual(await session.values(version, second, 'Name'), [name.AttributeValue])
    assert.deepEqual(await session.values(version, first, 'Name'), [name.AttributeValue])
  })

  test(`${version}: Check repeats what may not be done, and nothing else`, async () => {
    const UniqueIdentifier = await session.key(version, [
      attribute('Usage Limits', { UsageLimitsTotal: 100n, UsageLimitsUnit: 'Byte' }),
    ])
    const allowed = { UniqueIdentifier, CryptographicUsageMask: 4, UsageLimitsCount: 100n }
    assert.deepEqual(await session.ask(version, 'Check', allowed), { UniqueIdentifier })
    const sign = maskOf('CryptographicUsageMask', ['Sign', 'Encrypt'])
    assert.deepEqual(
      await session.ask(version, 'Check', {
        UniqueIdentifier,
        CryptographicUsageMask: sign,
        UsageLimitsCount: 101n,
      }),
      { CryptographicUsageMask: sign, UsageLimitsCount: 101n },
    )
  })

  test(`${version}: the state follows the dates`, async () => {
    const now = BigInt(Math.floor(Date.now() / 1000))
    const active = await session.key(version, [attribute('Activation Date', now - 10n)])
    assert.equal(await state(active), 'Active')
    assert.equal(await session.refused(version, 'Activate', { UniqueIdentifier: active }), 'PermissionDenied')
    assert.equal(await session.refused(version, 'Destroy', { UniqueIdentifier: active }), 'PermissionDenied')
    const over = await session.key(version, [
      attribute('Activation Date', now - 10n),
      attribute('Deactivation Date', now - 5n),
    ])
    assert.equal(await state(over), 'Deactivated')
    assert.equal(
      await session.refused(version, 'Revoke', { UniqueIdentifier: over, ...cessation }),
      'IllegalOperation',
    )
    await session.ask(version, 'Destroy', { UniqueIdentifier: over })
    const later = await session.key(version, [attribute('Activation Date', now + 1000n)])
    assert.equal(await state(later), 'PreActive')
    await session.ask(version, 'Activate', { UniqueIdentifier: later })
    const [date] = (await session.values(version, later, 'Activation Date')) as [bigint]
    assert.ok(date >= now && date < now + 60n, 'the date is that of the activation')
  })

  test(`${version}: Get refuses forms that it does not give`, async () => {
    const UniqueIdentifier = await session.key(version)
    for (const KeyFormatType of ['PKCS_1', 'X_509', 'Opaque'] as const)
      assert.equal(
        await session.refused(version, 'Get', { UniqueIdentifier, KeyFormatType }),
        'KeyFormatTypeNotSupported',
      )
    assert.equal(
      await session.refused(version, 'Get', {
        UniqueIdentifier,
        KeyCompressionType: 'ECPublicKeyTypeX9_62CompressedPrime',
      }),
      'KeyCompressionTypeNotSupported',
    )
    const KeyWrappingSpecification = {
      WrappingMethod: 'Encrypt',
      EncryptionKeyInformation: { UniqueIdentifier: 'k' },
      AttributeName: [],
    } as const
    const answer = await session.one(version, {
      operation: 'Get',
      request: { UniqueIdentifier, KeyWrappingSpecification },
    })
    assert.equal(answer.reason, 'ItemNotFound', 'the wrapping key')
    const transparent = await session.ask(version, 'Get', {
      UniqueIdentifier,
      KeyFormatType: 'TransparentSymmetricKey',
    })
    const { KeyFormatType, KeyValue } = transparent.SymmetricKey?.KeyBlock ?? {}
    assert.equal(KeyFormatType, 'TransparentSymmetricKey')
    assert.ok(KeyValue && 'KeyMaterial' in KeyValue && 'Key' in KeyValue.KeyMaterial)
  })
}

test('a sensitive or not extractable key is never sent, and 1.4 names the reason', async () => {
  const sensitive = await session.key('1.4', [attribute('Sensitive', true)])
  const kept = await session.key('1.4', [attribute('Extractable', false)])
  for (const version of served) {
    const [a, b] = atLeast(version, '1.4')
      ? (['Sensitive', 'NotExtractable'] as const)
      : (['PermissionDenied', 'PermissionDenied'] as const)
    assert.equal(await session.refused(version, 'Get', { UniqueIdentifier: sensitive }), a)
    assert.equal(await session.refused(version, 'Get', { UniqueIdentifier: kept }), b)
  }
})

test('1.4 creates secret data; older versions do not', async () => {
  const request = {
    ObjectType: 'SecretData',
    ...template([attribute('Cryptographic Length', 128), attribute('Cryptographic Usage Mask', 0)]),
  } as const
  const { UniqueIdentifier } = await session.ask('1.4', 'Create', request)
  const got = await session.ask('1.4', 'Get', { UniqueIdentifier })
  const value = got.SecretData?.KeyBlock.KeyValue
  assert.ok(value && 'KeyMaterial' in value && value.KeyMaterial instanceof Uint8Array)
  assert.equal(value.KeyMaterial.length, 16)
  assert.equal(await session.refused('1.3', 'Create', request), 'InvalidField')
})

test('every algorithm that Create knows gives a key of its length', async () => {
  const lengths = {
    AES: 192,
    DES3: 168,
    Camellia: 128,
    Blowfish: 128,
    CAST5: 128,
    HMAC_SHA256: 256,
    HMAC_SHA1: 160,
  }
  for (const [algorithm, length] of Object.entries(lengths)) {
    const { UniqueIdentifier } = await session.ask('1.2', 'Create', {
      ObjectType: 'SymmetricKey',
      ...template([
        attribute('Cryptographic Algorithm', algorithm),
        attribute('Cryptographic Length', length),
        attribute('Cryptographic Usage Mask', 12),
      ]),
    })
    const material = materialOf(await session.ask('1.2', 'Get', { UniqueIdentifier }))
    assert.equal(material.length, algorithm === 'DES3' ? 24 : length / 8, algorithm)
  }
})

test('a destroyed key cannot be fetched in any way, and its record stays', async () => {
  const UniqueIdentifier = await session.key('1.4', [nameAttribute('of a destroyed key')])
  await session.ask('1.4', 'Destroy', { UniqueIdentifier })
  assert.equal(await session.refused('1.4', 'Get', { UniqueIdentifier }), 'ItemNotFound')
  assert.equal(await session.refused('1.4', 'Activate', { UniqueIdentifier }), 'PermissionDenied')
  const { Attribute } = await session.ask('1.4', 'GetAttributes', attributesOf(UniqueIdentifier))
  const names = Attribute?.map(({ AttributeName }) => AttributeName) ?? []
  for (const name of ['Destroy Date', 'Digest', 'Name', 'State']) assert.ok(names.includes(name), name)
})

const namespaceReason = 'ApplicationNamespaceNotSupported'

function aesWith(bits: number) {
  return [attribute('Cryptographic Algorithm', 'AES'), attribute('Cryptographic Length', bits)]
}

/** A request that names so many templates, none of which is there. */
function ofTemplates(count: number) {
  const Name = Array.from({ length: count }, () => ({ NameValue: 'none', NameType: 'URI' }))
  return { ...aes(), TemplateAttribute: { Name, Attribute: [] } }
}

function many(count: number) {
  return Array.from({ length: count }, (_, i) => attribute('x-Many', { type: 'Integer', value: i }))
}

function materialOf(got: { readonly SymmetricKey?: unknown }): Buffer {
  const { KeyBlock } = got.SymmetricKey as { KeyBlock: { KeyValue: { KeyMaterial: Uint8Array } } }
  return Buffer.from(KeyBlock.KeyValue.KeyMaterial)
}

test('2.x: an opaque object has a State, and is activated and revoked as any other (KMIP 2.1 §6.1.1)', async () => {
  const { UniqueIdentifier } = await session.ask('2.1', 'Register', {
    ObjectType: 'OpaqueObject',
    Attributes: { Attribute: [] },
    OpaqueObject: { OpaqueDataType: 0x80000000, OpaqueDataValue: Buffer.from('opaque') },
  })
  const about = { UniqueIdentifier }
  const shown = async () => {
    const asked = { ...about, AttributeName: [], AttributeReference: ['State', 'Sensitive'] as const }
    return (await session.ask('2.1', 'GetAttributes', asked)).Attributes
  }
  assert.partialDeepStrictEqual(await shown(), { State: 'PreActive', Sensitive: false })
  await session.ask('2.1', 'Activate', about)
  assert.partialDeepStrictEqual(await shown(), { State: 'Active' })
  assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'State'), [])
  assert.equal(await session.refused('2.1', 'Destroy', about), 'WrongKeyLifecycleState')
  await session.ask('2.1', 'Revoke', { ...about, ...cessation })
  await session.ask('2.1', 'Destroy', about)
})
