// The curves on which the server makes key pairs: each by its name in KMIP, and of the length that its name says.

import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import { createKeyPair } from '../../../../src/core/keys/acts/key-pair.ts'
import type { TransactionObjects } from '../../../../src/core/keys/transaction/transaction-objects.ts'
import { maskOf } from '../../../../src/wire/kmip/enums.ts'
import { Fault } from '../../../../src/wire/kmip/fault.ts'
import type { AuditEntry } from '../../../../src/core/ports/audit.ts'
import { attributeSet, faults, openCoreWithClient } from '../../../support/server/core.ts'

test('a pair is made on the curve that is named, and both halves say so', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  for (const [RecommendedCurve, namedCurve, bits] of [
    ['P_224', 'secp224r1', 224],
    ['P_256', 'prime256v1', 256],
    ['P_384', 'secp384r1', 384],
    ['P_521', 'secp521r1', 521],
    ['SECP256K1', 'secp256k1', 256],
    ['BRAINPOOLP256R1', 'brainpoolP256r1', 256],
    ['BRAINPOOLP384R1', 'brainpoolP384r1', 384],
    ['BRAINPOOLP512R1', 'brainpoolP512r1', 512],
  ] as const) {
    const half = (use: 'Sign' | 'Verify') =>
      attributeSet({
        CryptographicAlgorithm: 'ECDSA',
        CryptographicDomainParameters: { RecommendedCurve },
        CryptographicUsageMask: maskOf('CryptographicUsageMask', [use]),
      })
    const wanted = { privateKey: half('Sign'), publicKey: half('Verify') }
    const made = await perform((work) => work.createKeyPair(wanted))
    const bytesOf = (id: string) =>
      perform(async (work) => Buffer.from((await work.fetch(id)).material.bytes))
    const own = createPrivateKey({ key: await bytesOf(made.privateKey), format: 'der', type: 'sec1' })
    const open = createPublicKey({ key: await bytesOf(made.publicKey), format: 'der', type: 'spki' })
    for (const key of [own, open]) assert.equal(key.asymmetricKeyDetails?.namedCurve, namedCurve)
    assert.ok(createPublicKey(own).equals(open))
    for (const id of [made.privateKey, made.publicKey]) {
      const kept = await core.keys.show(instance.id, id)
      assert.equal(kept && first(kept.attributes, 'CryptographicLength'), bits, RecommendedCurve)
    }
  }
})

const half = (more: Readonly<Record<string, unknown>>) => attributeSet(more)

/** The kind of pair that is computed for these attributes of both halves. */
async function jobFor(more: Readonly<Record<string, unknown>>, other = more) {
  const begun: unknown[] = []
  const asked: unknown[] = []
  const objects = {
    staged: { begin: (...act: unknown[]) => begun.push(act), nowMs: 0 },
    compute: async (...job: unknown[]) => {
      asked.push(...job)
      throw new Error('asked')
    },
  } as unknown as TransactionObjects
  await assert.rejects(
    createKeyPair(objects, { privateKey: half(more), publicKey: half(other) }),
    (error) => {
      if (error instanceof Fault) throw error
      return true
    },
  )
  assert.deepEqual([begun, asked[0]], [[['key.create-pair', null]], 'generate-key-pair'])
  return asked[1]
}

const on = (RecommendedCurve: string) => ({ CryptographicDomainParameters: { RecommendedCurve } })

test('algorithm, length and curve name the pair, and a length that is a curve’s own names the curve', async () => {
  for (const [attributes, job] of [
    [
      { CryptographicAlgorithm: 'RSA', CryptographicLength: 2048 },
      { type: 'rsa', bits: 2048 },
    ],
    [{ CryptographicAlgorithm: 'Ed25519' }, { type: 'ed25519' }],
    [{ CryptographicAlgorithm: 'Ed448' }, { type: 'ed448' }],
    [{ CryptographicAlgorithm: 'ECDH', ...on('CURVE25519') }, { type: 'x25519' }],
    [{ CryptographicAlgorithm: 'ECDH', ...on('CURVE448') }, { type: 'x448' }],
    [
      { CryptographicAlgorithm: 'EC', CryptographicLength: 224 },
      { type: 'ec', curve: 'secp224r1' },
    ],
    [
      { CryptographicAlgorithm: 'EC', CryptographicLength: 256 },
      { type: 'ec', curve: 'prime256v1' },
    ],
    [
      { CryptographicAlgorithm: 'EC', CryptographicLength: 384 },
      { type: 'ec', curve: 'secp384r1' },
    ],
    [
      { CryptographicAlgorithm: 'EC', CryptographicLength: 521 },
      { type: 'ec', curve: 'secp521r1' },
    ],
    [
      { CryptographicAlgorithm: 'EC', CryptographicLength: 528 },
      { type: 'ec', curve: 'secp521r1' },
    ],
    [
      { CryptographicAlgorithm: 'EC', CryptographicLength: 521, ...on('P_521') },
      { type: 'ec', curve: 'secp521r1' },
    ],
    [
      { CryptographicAlgorithm: 'EC', CryptographicLength: 256, ...on('P_256') },
      { type: 'ec', curve: 'prime256v1' },
    ],
  ] as const)
    assert.deepEqual(await jobFor(attributes), job)
})

test('what names no pair, or two, is refused', async () => {
  const rsa = { CryptographicAlgorithm: 'RSA', CryptographicLength: 2048 }
  const ec = { CryptographicAlgorithm: 'EC' }
  for (const [attributes, text] of [
    [{ CryptographicLength: 2048 }, /needs the attribute Cryptographic Algorithm/],
    [{ CryptographicAlgorithm: 'RSA' }, /needs the attribute Cryptographic Length/],
    [{ CryptographicAlgorithm: 'AES', CryptographicLength: 256 }, /no key pairs of the algorithm AES/],
    [ec, /needs Cryptographic Domain Parameters/],
    [{ ...ec, CryptographicLength: 255 }, /needs Cryptographic Domain Parameters/],
    [{ ...ec, CryptographicDomainParameters: { RecommendedCurve: 'K_163' } }, /no keys on the curve K_163/],
    [
      { ...ec, CryptographicLength: 384, CryptographicDomainParameters: { RecommendedCurve: 'P_256' } },
      /have 256 bits, not 384/,
    ],
  ] as const)
    await assert.rejects(jobFor(attributes), faults('InvalidField', text))
  const both = /must be those of both keys/
  for (const other of [
    { ...rsa, CryptographicLength: 3072 },
    { ...ec, CryptographicLength: 2048 },
    { ...rsa, CryptographicDomainParameters: { RecommendedCurve: 'P_256' } },
    { ...rsa, CryptographicParameters: { HashingAlgorithm: 'SHA_256' } },
  ])
    await assert.rejects(jobFor(rsa, other), faults('InvalidField', both))
})

test('each half has the format and, unless the request says otherwise, the mask of its kind, and both have an entry', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const agree = ['KeyAgreement', 'KeyAgreement'] as const
  const sign = ['Sign', 'Verify'] as const
  for (const [attributes, formats, masks] of [
    [{ CryptographicAlgorithm: 'RSA', CryptographicLength: 2048 }, ['PKCS_1', 'PKCS_1'], sign],
    [{ CryptographicAlgorithm: 'Ed25519' }, ['PKCS_8', 'X_509'], sign],
    [{ CryptographicAlgorithm: 'Ed448' }, ['PKCS_8', 'X_509'], sign],
    [{ CryptographicAlgorithm: 'ECDSA', ...on('P_256') }, ['ECPrivateKey', 'X_509'], sign],
    [{ CryptographicAlgorithm: 'ECDH', ...on('P_256') }, ['ECPrivateKey', 'X_509'], agree],
    [{ CryptographicAlgorithm: 'ECMQV', ...on('P_256') }, ['ECPrivateKey', 'X_509'], agree],
    [{ CryptographicAlgorithm: 'ECDH', ...on('CURVE25519') }, ['PKCS_8', 'X_509'], agree],
    [{ CryptographicAlgorithm: 'ECDH', ...on('CURVE448') }, ['PKCS_8', 'X_509'], agree],
    [{ CryptographicAlgorithm: 'ML_KEM_768' }, ['PKCS_8', 'X_509'], agree],
    [{ CryptographicAlgorithm: 'ML_DSA_44', CryptographicLength: 128 }, ['PKCS_8', 'X_509'], sign],
  ] as const) {
    const wanted = { privateKey: half(attributes), publicKey: half(attributes) }
    const made = await perform((work) => work.createKeyPair(wanted))
    for (const [place, [id, other, type]] of [
      [made.privateKey, made.publicKey, 'PublicKeyLink'],
      [made.publicKey, made.privateKey, 'PrivateKeyLink'],
    ].entries()) {
      const shown = await core.keys.show(instance.id, id ?? '')
      assert.ok(shown)
      assert.equal(first(shown.attributes, 'KeyFormatType'), formats[place])
      const mask = maskOf('CryptographicUsageMask', [masks[place] ?? assert.fail()])
      assert.equal(first(shown.attributes, 'CryptographicUsageMask'), mask, attributes.CryptographicAlgorithm)
      const link = { LinkType: type, LinkedObjectIdentifier: other }
      assert.deepEqual(first(shown.attributes, 'Link'), link)
      if ('CryptographicLength' in attributes)
        assert.equal(first(shown.attributes, 'CryptographicLength'), attributes.CryptographicLength)
    }
    const page = await core.store.audit({ order: 'newest', limit: 1 })
    const { action, object, detail } = JSON.parse(page.entries[0]?.body ?? '') as AuditEntry
    assert.deepEqual(
      [action, object, detail?.['publicKey']],
      ['key.create-pair', made.privateKey, made.publicKey],
    )
  }
})
