// Which part of the data a request is, by its indicators (KMIP 1.4 §4), which encryptions count as ones with a random
// nonce, and what a use takes of Usage Limits.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { broughtCertificate } from '../../../../src/core/keys/forms/brought-object.ts'
import { stepOf, type KeyUseRequest, type StreamedPart } from '../../../../src/core/keys/use/use-key.ts'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import { reservedNonces } from '../../../../src/core/keys/object/nonce-count.ts'
import { nonceBlock } from '../../../../src/core/keys/object/nonce-count.ts'
import { mask, openCertifying } from '../certifying.ts'
import { attributeSet, createKey, faults, openCoreWithClient } from '../../../support/server/core.ts'

test('the indicators and the Correlation Value say which part it is', () => {
  const correlationValue = Buffer.from('0a0b', 'hex')
  const table: readonly (readonly [StreamedPart, object])[] = [
    [{}, { begins: true, ends: true }],
    [
      { init: false, final: false },
      { begins: true, ends: true },
    ],
    [
      { init: true, final: true },
      { begins: true, ends: true },
    ],
    [{ init: true }, { begins: true, ends: false }],
    [{ correlationValue }, { id: '0a0b', begins: false, ends: false }],
    [
      { correlationValue, final: true },
      { id: '0a0b', begins: false, ends: true },
    ],
  ]
  for (const [part, step] of table) assert.deepEqual(stepOf(part), step)
  for (const wrong of [
    { final: true },
    { correlationValue, init: true },
    { correlationValue, init: true, final: true },
  ])
    assert.throws(() => stepOf(wrong), faults('InvalidMessage'))
})

test('a random nonce of 96 bits is counted, and neither the random IV of a mode of blocks nor a nonce that the client chose', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  await perform((work) => work.activate(id))
  const chosen = Buffer.alloc(12)
  for (const [mode, iv, expected] of [
    [{ BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5' }, undefined, 0],
    [{ BlockCipherMode: 'GCM', TagLength: 16 }, chosen, 0],
    [{ BlockCipherMode: 'GCM', TagLength: 16 }, undefined, nonceBlock],
  ] as const) {
    const parameters = { ...mode, RandomIV: true }
    const request = {
      uniqueIdentifier: id,
      use: 'Encrypt',
      parameters,
      data: Buffer.from('data'),
      iv,
    } as const
    for (let turn = 0; turn < 2; turn++) await perform((work) => work.crypto.use(request))
    const key = await core.keys.show(instance.id, id)
    assert.equal(key && reservedNonces(key.attributes), expected, mode.BlockCipherMode)
  }
})

test('Usage Limits count what protects, by its bytes, or once for all its parts; and nothing that processes', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const parameters = { BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5' } as const
  const data = Buffer.alloc(16)
  for (const [unit, whole, parts] of [
    ['Byte', 16n, 32n],
    ['Object', 1n, 1n],
  ] as const) {
    const id = await perform(createKey({ UsageLimits: { UsageLimitsTotal: 100n, UsageLimitsUnit: unit } }))
    await perform((work) => work.activate(id))
    const iv = Buffer.alloc(16)
    // What is given is wiped after the commit.
    const use = (which: 'Encrypt' | 'Decrypt', more: object) =>
      perform(async (work) => {
        const request = { uniqueIdentifier: id, use: which, parameters, iv, data, ...more }
        const { data: done, correlationValue } = await work.crypto.use(request)
        return {
          done: Buffer.from(done ?? []),
          correlationValue: correlationValue && Buffer.from(correlationValue),
        }
      })
    const taken = async () => {
      const key = await core.keys.show(instance.id, id)
      return 100n - ((key && first(key.attributes, 'UsageLimits')?.UsageLimitsCount) ?? 0n)
    }
    const encrypted = await use('Encrypt', {})
    assert.equal(await taken(), whole)
    await use('Decrypt', { data: encrypted.done })
    assert.equal(await taken(), whole)
    const { correlationValue } = await use('Encrypt', { init: true })
    await use('Encrypt', { correlationValue, final: true })
    assert.equal(await taken(), whole + parts)
  }
})

/** Uses the key. What is given is wiped after the commit. */
const used = (
  { perform }: Pick<Awaited<ReturnType<typeof openCertifying>>, 'perform'>,
  request: Pick<KeyUseRequest, 'uniqueIdentifier' | 'use'> & Partial<KeyUseRequest>,
) =>
  perform(async (work) => {
    const { data, valid } = await work.crypto.use({ data: Buffer.from('data'), ...request })
    return { data: data && Buffer.from(data), valid }
  })

test('a pair on a curve signs and verifies data or their digest, and a certificate verifies by its own key', async (t) => {
  const site = await openCertifying(t)
  const { publicKey, privateKey } = await site.pair({}, { ActivationDate: 0n })
  const parameters = { HashingAlgorithm: 'SHA_256' } as const
  const digest = createHash('sha256').update('data').digest()
  const der = (await site.x509((await site.authority()).certificate)).raw
  const attributes = attributeSet({ CryptographicUsageMask: mask('Verify'), ActivationDate: 0n })
  const stranger = await site.perform((work) =>
    work.register({ objectType: 'Certificate', attributes }, broughtCertificate(der).material),
  )
  const [whole, digested] = [{}, { data: digest, digested: true }]
  for (const what of [whole, digested]) {
    const signing = { uniqueIdentifier: privateKey, use: 'Sign', parameters, ...what } as const
    const { data: expected, valid } = await used(site, signing)
    assert.equal(valid, undefined)
    const verify = async (uniqueIdentifier: string, more: object) =>
      (await used(site, { uniqueIdentifier, use: 'Verify', parameters, expected, ...more })).valid
    assert.deepEqual([await verify(publicKey, whole), await verify(publicKey, digested)], [true, true])
    assert.equal(await verify(publicKey, { data: digest }), false, 'the digest is no data')
    assert.equal(await verify(stranger, whole), false, 'another key')
  }
})

test('RSA encrypts with the public half and decrypts with the private one', async (t) => {
  const site = await openCertifying(t)
  const rsa = { CryptographicAlgorithm: 'RSA', CryptographicLength: 2048 }
  const [encrypts, decrypts] = [mask('Encrypt'), mask('Decrypt')]
  const { publicKey, privateKey } = await site.pair(
    { CryptographicUsageMask: decrypts },
    { CryptographicUsageMask: encrypts, ActivationDate: 0n },
    rsa,
  )
  const parameters = { PaddingMethod: 'OAEP', HashingAlgorithm: 'SHA_256' } as const
  const { data } = await used(site, { uniqueIdentifier: publicKey, use: 'Encrypt', parameters })
  assert.equal(data?.length, 256)
  const opened = await used(site, { uniqueIdentifier: privateKey, use: 'Decrypt', parameters, data })
  assert.equal(opened.data?.toString(), 'data')
})

test('what a key of its kind does not do is refused, whatever its mask says', async (t) => {
  const site = await openCertifying(t)
  const all = mask('Encrypt', 'Decrypt', 'Sign', 'Verify', 'MACGenerate', 'MACVerify')
  const common = { CryptographicUsageMask: all, ActivationDate: 0n }
  const aes = await site.perform(createKey(common))
  const { privateKey, publicKey } = await site.pair(common, common)
  for (const [uniqueIdentifier, use, refusal] of [
    [aes, 'Sign', /of type SymmetricKey/],
    [aes, 'Verify', /of type SymmetricKey/],
    [privateKey, 'MACGenerate', /of type PrivateKey/],
    [publicKey, 'MACVerify', /of type PublicKey/],
  ] as const)
    await assert.rejects(used(site, { uniqueIdentifier, use }), faults('InvalidField', refusal), use)
  await assert.rejects(
    used(site, { uniqueIdentifier: publicKey, use: 'Encrypt', parameters: {} }),
    faults('UnsupportedCryptographicParameters', /OAEP or PKCS1 v1.5/),
  )
})

test('an IV is chosen only where the parameters ask for a random one, and the client may bring its own', async (t) => {
  const { perform } = await openCertifying(t)
  const id = await perform(createKey({ ActivationDate: 0n }))
  const encrypt = (RandomIV: boolean | undefined, iv?: Buffer) =>
    perform(async (work) => {
      const parameters = { BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5', RandomIV } as const
      const data = Buffer.from('data')
      const done = await work.crypto.use({ uniqueIdentifier: id, use: 'Encrypt', parameters, data, iv })
      return done.iv?.length
    })
  assert.equal(await encrypt(true), 16)
  for (const random of [true, false, undefined])
    assert.equal(await encrypt(random, Buffer.alloc(16)), undefined)
  for (const random of [false, undefined])
    await assert.rejects(encrypt(random), faults('InvalidMessage', /needs an IV/), String(random))
})
