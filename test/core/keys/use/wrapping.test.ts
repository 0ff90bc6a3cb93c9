// Keys that leave wrapped and keys that came wrapped (KMIP 1.4 §2.1.5, §2.1.6): which specifications fit, what is wrapped, and what
// the result of unwrapping must be.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { ManagedObject, ObjectType } from '../../../../src/core/keys/object/managed-object.ts'
import type { TransactionObjects } from '../../../../src/core/keys/transaction/transaction-objects.ts'
import { unwrapped, wrapKeyBlock, type WrapRequest } from '../../../../src/core/keys/use/wrapping.ts'
import {
  packKeyValue,
  packWrappingData,
  type KeyBlock,
  type KeyWrappingData,
} from '../../../../src/wire/kmip/objects.ts'
import { maskOf, type MaskName } from '../../../../src/wire/kmip/enums.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

const uses = maskOf('CryptographicUsageMask', ['WrapKey', 'UnwrapKey', 'MACGenerate', 'MACVerify'])
const keyWrap = { BlockCipherMode: 'NISTKeyWrap', CryptographicAlgorithm: 'AES' } as const
const bytes = Buffer.alloc(16, 3)
const by = (UniqueIdentifier: string) => ({ UniqueIdentifier })

const formats: Readonly<Record<string, string>> = { PrivateKey: 'PKCS_8', PublicKey: 'X_509' }

interface Role {
  readonly objectType?: ObjectType
  readonly attributes?: Readonly<Record<string, unknown>>
  readonly bytes?: Buffer
}

interface Stage extends Role {
  /** Objects that are others than the one that everybody else is. */
  readonly others?: Readonly<Record<string, Role>>
  /** What each computation answers. */
  readonly answer?: object
}

/** Wrapping keys, and what is done with them. */
function around({ answer = { data: Buffer.from('wrapped') }, others = {}, ...one }: Stage = {}) {
  const computed: unknown[] = []
  const entries: unknown[] = []
  const staged: ManagedObject[] = []
  const objects = {
    staged: {
      beginWithin: (...act: unknown[]) => entries.push(act),
      done: (told: unknown) => entries.push(told),
      opened: () => undefined,
      nowMs: 0,
    },
    instance: async () => ({}),
    live: async (uniqueIdentifier: string) => {
      const { objectType = 'SymmetricKey', attributes } = others[uniqueIdentifier] ?? one
      const own = { CryptographicUsageMask: uses, CryptographicParameters: keyWrap, ...attributes }
      return { uniqueIdentifier, objectType, state: 'Active', attributes: attributeSet(own) }
    },
    open: async ({ uniqueIdentifier, objectType }: ManagedObject) => ({
      bytes: (others[uniqueIdentifier] ?? one).bytes ?? Buffer.alloc(32, 9),
      head: { keyFormatType: formats[objectType] ?? 'Raw' },
    }),
    compute: async (_name: string, input: { readonly data: Uint8Array }) => {
      computed.push({ ...input, data: Buffer.from(input.data) })
      return answer
    },
    stage: async (_before: unknown, after: ManagedObject) => void staged.push(after),
  } as unknown as TransactionObjects
  return { objects, computed, entries, staged }
}

const block: KeyBlock = {
  KeyFormatType: 'Raw',
  KeyValue: { KeyMaterial: bytes },
  CryptographicAlgorithm: 'AES',
  CryptographicLength: 128,
}

const specification = (more: object = {}): WrapRequest['specification'] => ({
  WrappingMethod: 'Encrypt',
  EncryptionKeyInformation: by('w'),
  EncodingOption: 'NoEncoding',
  AttributeName: [],
  ...more,
})

const wanted = (more: object = {}, rest: Partial<WrapRequest> = {}): WrapRequest => ({
  uniqueIdentifier: 'k',
  specification: specification(more),
  attributes: {},
  version: '1.4',
  ...rest,
})

test('the wrapped bytes stand for the Key Value, or in one where clients register them so', async () => {
  const { objects, computed, entries } = around()
  const made = await wrapKeyBlock(objects, block, wanted())
  assert.deepEqual(made.KeyValue, Buffer.from('wrapped'))
  assert.deepEqual(made.KeyWrappingData, {
    WrappingMethod: 'Encrypt',
    EncodingOption: 'NoEncoding',
    EncryptionKeyInformation: by('w'),
    MACSignatureKeyInformation: undefined,
    MACSignature: undefined,
    IVCounterNonce: undefined,
  })
  assert.equal((computed[0] as { readonly data: Buffer }).data.compare(bytes), 0)
  assert.deepEqual(entries, [['key.wrap', 'w'], { detail: { of: 'k', bytes: 16 } }])
  const inside = await wrapKeyBlock(around().objects, block, wanted({}, { inKeyValue: true }))
  assert.deepEqual(inside.KeyValue, { KeyMaterial: Buffer.from('wrapped') })
})

test('each method has the keys that it needs, and no other', async () => {
  const mac = { MACSignatureKeyInformation: by('m') }
  const none = { EncryptionKeyInformation: undefined }
  for (const [more, text] of [
    [none, /Encryption Key Information does not fit the method Encrypt/],
    [mac, /MAC.Signature Key Information does not fit the method Encrypt/],
    [{ WrappingMethod: 'MACSign', ...mac }, /Encryption Key Information does not fit the method MACSign/],
    [{ WrappingMethod: 'MACSign', ...none }, /MAC.Signature Key Information does not fit the method MACSign/],
    [{ WrappingMethod: 'EncryptThenMACSign' }, /MAC.Signature Key Information does not fit/],
    [{ WrappingMethod: 'MACSignThenEncrypt', ...mac, ...none }, /Encryption Key Information does not fit/],
  ] as const)
    await assert.rejects(wrapKeyBlock(around().objects, block, wanted(more)), faults('InvalidField', text))
  const other = wanted({ WrappingMethod: 'TR_31' })
  await assert.rejects(wrapKeyBlock(around().objects, block, other), faults('FeatureNotSupported', /TR-31/))
})

const wrapAs = (one: KeyBlock, more: object) => wrapKeyBlock(around().objects, one, wanted(more))

test('without an encoding, bytes alone are wrapped; with one, a key of any format and attributes too', async () => {
  const transparent = {
    ...block,
    KeyFormatType: 'TransparentSymmetricKey',
    KeyValue: { KeyMaterial: { Key: bytes } },
  } as const
  await assert.rejects(
    wrapAs(transparent, {}),
    faults('EncodingOptionError', /TransparentSymmetricKey needs an encoding/),
  )
  await assert.rejects(
    wrapAs(block, { AttributeName: ['Name'] }),
    faults('EncodingOptionError', /no attributes/),
  )
  for (const EncodingOption of ['TTLVEncoding', undefined])
    assert.ok(await wrapAs(transparent, { EncodingOption, AttributeName: ['Name'] }))
  for (const KeyValue of [undefined, Buffer.from('wrapped already')])
    await assert.rejects(wrapAs({ ...block, KeyValue }, {}), faults('IllegalOperation', /no key here/))
})

const setting = (mode: string) => ({ algorithm: 'AES', mode, padding: undefined, tagBytes: undefined })

const wrapBy = (parameters: object | undefined, own: unknown) => {
  const information = { ...by('w'), CryptographicParameters: parameters }
  const { objects, computed } = around({ attributes: { CryptographicParameters: own } })
  const made = wrapKeyBlock(objects, block, wanted({ EncryptionKeyInformation: information }))
  return made.then(() => (computed[0] as { readonly opening: { readonly cipher: object } }).opening.cipher)
}

test('the parameters that are asked for are among those of the wrapping key, whose first ones count otherwise', async () => {
  const cbc = { BlockCipherMode: 'CBC', CryptographicAlgorithm: 'AES' } as const
  assert.deepEqual(await wrapBy(undefined, [keyWrap, cbc]), setting('NISTKeyWrap'))
  assert.deepEqual(await wrapBy({ BlockCipherMode: 'CBC' }, [keyWrap, cbc]), setting('CBC'))
  assert.deepEqual(await wrapBy({ BlockCipherMode: undefined }, [keyWrap, cbc]), setting('NISTKeyWrap'))
  await assert.rejects(wrapBy({ BlockCipherMode: 'GCM' }, [keyWrap, cbc]), faults('ItemNotFound', /no such/))
  const half = { BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5' }
  await assert.rejects(wrapBy(half, [keyWrap, cbc]), faults('ItemNotFound', /no such/), 'every field counts')
  await assert.rejects(wrapBy(undefined, []), faults('ItemNotFound', /add them to it/))
})

test('wrapping is a use that Usage Limits count, by a key that may wrap', async () => {
  const UsageLimits = { UsageLimitsTotal: 9n, UsageLimitsCount: 5n, UsageLimitsUnit: 'Object' }
  const { objects, staged } = around({ attributes: { UsageLimits } })
  await wrapKeyBlock(objects, block, wanted())
  const count = staged[0]?.attributes.get('UsageLimits')?.[0]?.value
  assert.deepEqual([staged[0]?.uniqueIdentifier, count], ['w', { ...UsageLimits, UsageLimitsCount: 4n }])
  const noUse = around({ attributes: { CryptographicUsageMask: 0 } })
  await assert.rejects(
    wrapKeyBlock(noUse.objects, block, wanted()),
    faults('IncompatibleCryptographicUsageMask'),
  )
  const secret = around({ objectType: 'SecretData' })
  await assert.rejects(
    wrapKeyBlock(secret.objects, block, wanted()),
    faults('IllegalOperation', /SecretData/),
  )
})

const came = (more: Partial<KeyWrappingData> = {}) => {
  const data = { WrappingMethod: 'Encrypt', EncryptionKeyInformation: by('w'), ...more } as KeyWrappingData
  return {
    bytes: Buffer.from('wrapped'),
    head: {
      keyFormatType: 'Raw',
      wrapping: { data: packWrappingData(data).toString('base64'), isInKeyValue: false },
    },
  } as const
}

test('a key that did not come wrapped stays as it is', async () => {
  const material = { bytes, head: { keyFormatType: 'Raw' } } as const
  assert.deepEqual(await unwrapped(around().objects, 'k', material), material)
})

test('what is unwrapped is the key itself, or a Key Value with it, and nothing else', async () => {
  const answer = { data: bytes }
  const { objects, computed, entries } = around({ answer })
  const plain = await unwrapped(objects, 'k', came({ EncodingOption: 'NoEncoding' }))
  assert.deepEqual(plain, { bytes, head: { keyFormatType: 'Raw' } })
  const { opening } = computed[0] as {
    readonly opening: { readonly kind: string; readonly totalBytes: number; readonly tagAppended: boolean }
  }
  assert.deepEqual([opening.kind, opening.totalBytes, opening.tagAppended], ['decrypt', 7, true])
  assert.deepEqual(entries, [['key.unwrap', 'w'], { detail: { of: 'k', bytes: 7 } }])
  const value = around({ answer })
  await assert.rejects(unwrapped(value.objects, 'k', came()), (error: Error) => {
    faults('CryptographicFailure', /no Key Value/)(error)
    assert.ok(error.cause instanceof Error)
    return true
  })
  const tr31 = around()
  await assert.rejects(
    unwrapped(tr31.objects, 'k', came({ WrappingMethod: 'TR_31' })),
    faults('FeatureNotSupported'),
  )
  const unnamed = came({ EncryptionKeyInformation: undefined })
  await assert.rejects(unwrapped(around().objects, 'k', unnamed), faults('FeatureNotSupported'))
})

const entryOf = (of: number) => ({ detail: { of: 'k', bytes: of } })

test('a MAC must be there with its key, and hold', async () => {
  const mac = { WrappingMethod: 'EncryptThenMACSign', EncodingOption: 'NoEncoding' } as const
  const MACSignature = Buffer.from('mac')
  const MACSignatureKeyInformation = by('m')
  const attributes = { CryptographicParameters: { ...keyWrap, HashingAlgorithm: 'SHA_256' } }
  const open = (more: Partial<KeyWrappingData>, valid: boolean | undefined) => {
    const { objects, entries } = around({ attributes, answer: { data: bytes, valid } })
    return unwrapped(objects, 'k', came({ ...mac, ...more })).then((made) => ({ made, entries }))
  }
  for (const part of [{ MACSignature }, { MACSignatureKeyInformation }])
    await assert.rejects(open(part, true), faults('InvalidField', /no MAC or signature/))
  const { made, entries } = await open({ MACSignature, MACSignatureKeyInformation }, true)
  assert.deepEqual(made.bytes, bytes)
  assert.deepEqual(entries, [['key.mac-verify', 'm'], entryOf(7), ['key.unwrap', 'w'], entryOf(7)])
  for (const valid of [false, undefined])
    await assert.rejects(
      open({ MACSignature, MACSignatureKeyInformation }, valid),
      faults('CryptographicFailure'),
    )
})

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pkcs8 = ec.privateKey.export({ format: 'der', type: 'pkcs8' })
const spki = ec.publicKey.export({ format: 'der', type: 'spki' })
const signing = maskOf('CryptographicUsageMask', ['WrapKey', 'UnwrapKey', 'Sign', 'Verify'])
const oaep = { PaddingMethod: 'OAEP', HashingAlgorithm: 'SHA_256' } as const
const asymmetric = { CryptographicUsageMask: signing, CryptographicParameters: oaep }
const link = (LinkType: string, LinkedObjectIdentifier: string) => ({ LinkType, LinkedObjectIdentifier })
const half = (objectType: 'PrivateKey' | 'PublicKey', more: object = {}): Role => ({
  objectType,
  attributes: { ...asymmetric, ...more },
  bytes: objectType === 'PrivateKey' ? pkcs8 : spki,
})

/** A computation: what kind, of which data. */
const kinds = (computed: readonly unknown[]) =>
  (
    computed as readonly { readonly opening: { kind: string; verify?: boolean }; readonly data: Buffer }[]
  ).map(({ opening: { kind, verify }, data }) => `${kind}${verify ? ' verified' : ''} ${data.toString()}`)

test('a MAC is of the plain bytes, or of the encrypted ones where it comes last, and a MAC alone leaves the key plain', async () => {
  const key = { ...block, KeyValue: { KeyMaterial: Buffer.from('plain') } }
  const mac = { MACSignatureKeyInformation: by('m') }
  const attributes = { CryptographicParameters: { ...keyWrap, HashingAlgorithm: 'SHA_256' } }
  const none = { EncryptionKeyInformation: undefined }
  for (const [WrappingMethod, more, computations, KeyValue] of [
    ['MACSign', none, ['mac plain'], { KeyMaterial: Buffer.from('plain'), Attribute: [] }],
    ['MACSignThenEncrypt', {}, ['mac plain', 'encrypt plain'], Buffer.from('wrapped')],
    ['EncryptThenMACSign', {}, ['encrypt plain', 'mac wrapped'], Buffer.from('wrapped')],
  ] as const) {
    const { objects, computed, entries } = around({ attributes })
    const asked = wanted({ WrappingMethod, ...mac, ...more }, { attributes: { Attribute: [] } })
    const made = await wrapKeyBlock(objects, key, asked)
    assert.deepEqual(kinds(computed), computations, WrappingMethod)
    assert.deepEqual(made.KeyValue, KeyValue)
    assert.deepEqual(made.KeyWrappingData, {
      WrappingMethod,
      EncodingOption: 'NoEncoding',
      EncryptionKeyInformation: 'EncryptionKeyInformation' in more ? undefined : by('w'),
      MACSignatureKeyInformation: by('m'),
      MACSignature: Buffer.from('wrapped'),
      IVCounterNonce: undefined,
    })
    const acts = entries.filter((entry) => Array.isArray(entry)).map(([action]) => action as string)
    assert.deepEqual(
      acts,
      computations.map((one) => (one.startsWith('mac') ? 'key.mac' : 'key.wrap')),
    )
  }
})

test('what was MACed is unwrapped by the check of the MAC: of what came, or of the plain bytes that were encrypted with it', async () => {
  const attributes = { CryptographicParameters: { ...keyWrap, HashingAlgorithm: 'SHA_256' } }
  const answer = { data: Buffer.from('plain'), valid: true }
  const mac = { MACSignatureKeyInformation: by('m'), MACSignature: Buffer.from('mac') }
  for (const [WrappingMethod, computations, left] of [
    ['MACSign', ['mac verified wrapped'], 'wrapped'],
    ['EncryptThenMACSign', ['mac verified wrapped', 'decrypt wrapped'], 'plain'],
    ['MACSignThenEncrypt', ['decrypt wrapped', 'mac verified plain'], 'plain'],
  ] as const) {
    const { objects, computed } = around({ attributes, answer })
    const plain = await unwrapped(
      objects,
      'k',
      came({ WrappingMethod, EncodingOption: 'NoEncoding', ...mac }),
    )
    assert.deepEqual(kinds(computed), computations)
    assert.deepEqual(plain, { bytes: Buffer.from(left), head: { keyFormatType: 'Raw' } })
  }
})

test('a public key wraps and its private key unwraps, by OAEP alone', async () => {
  const wrap = (parameters: object) => {
    const { objects, computed } = around(half('PublicKey', { CryptographicParameters: parameters }))
    return wrapKeyBlock(objects, block, wanted()).then(({ KeyWrappingData }) => ({
      KeyWrappingData,
      computed,
    }))
  }
  const { computed, KeyWrappingData } = await wrap(oaep)
  assert.equal((computed[0] as { readonly opening: { kind: string } }).opening.kind, 'rsa-encrypt')
  assert.equal(KeyWrappingData?.IVCounterNonce, undefined)
  await assert.rejects(wrap({ PaddingMethod: 'PKCS1V1_5' }), faults('FeatureNotSupported', /OAEP alone/))
  const others = {
    open: half('PublicKey', { Link: [link('PublicKeyLink', 'alone'), link('PrivateKeyLink', 'own')] }),
    alone: half('PublicKey', { Link: link('PublicKeyLink', 'own') }),
    own: half('PrivateKey'),
    other: half('PrivateKey', { CryptographicParameters: { PaddingMethod: 'PKCS1V1_5' } }),
  }
  for (const named of ['own', 'open']) {
    const stage = around({ others, answer: { data: bytes } })
    const information = { EncryptionKeyInformation: by(named), EncodingOption: 'NoEncoding' } as const
    assert.deepEqual((await unwrapped(stage.objects, 'k', came(information))).bytes, bytes)
    const [{ opening }] = stage.computed as [{ readonly opening: { kind: string; key: object } }]
    assert.deepEqual([opening.kind, opening.key], ['rsa-decrypt', { pkcs8 }], named)
  }
  for (const [named, refusal] of [
    ['alone', faults('ItemNotFound', /no Private Key Link/)],
    ['other', faults('FeatureNotSupported', /OAEP alone/)],
  ] as const) {
    const information = { EncryptionKeyInformation: by(named) }
    await assert.rejects(unwrapped(around({ others }).objects, 'k', came(information)), refusal)
  }
})

test('a private key signs, also where its public key is named, and the public key verifies, if there is one', async () => {
  const others = {
    open: half('PublicKey', { Link: link('PrivateKeyLink', 'own') }),
    own: half('PrivateKey', { Link: link('PublicKeyLink', 'open') }),
    alone: half('PrivateKey'),
  }
  for (const [named, signer, verifier] of [
    ['own', { pkcs8 }, { spki }],
    ['open', { pkcs8 }, { spki }],
    ['alone', { pkcs8 }, { pkcs8 }],
  ] as const) {
    const information = { WrappingMethod: 'MACSign', MACSignatureKeyInformation: by(named) } as const
    const made = around({ others })
    await wrapKeyBlock(made.objects, block, wanted({ ...information, EncryptionKeyInformation: undefined }))
    const checked = around({ others, answer: { valid: true } })
    const encoding = { EncodingOption: 'NoEncoding', MACSignature: Buffer.from('signature') } as const
    await unwrapped(checked.objects, 'k', came({ ...information, ...encoding }))
    const [sign, verify] = [made.computed, checked.computed].map(
      ([one]) => one as { readonly opening: object },
    )
    const opening = { kind: 'signature', scheme: { scheme: 'ec', hash: 'sha256' } }
    assert.deepEqual(sign?.opening, { ...opening, key: signer, verify: false }, named)
    assert.deepEqual(verify?.opening, { ...opening, key: verifier, verify: true }, named)
    assert.deepEqual(
      [made.entries[0], checked.entries[0]],
      [
        ['key.sign', named],
        ['key.signature-verify', named],
      ],
    )
  }
})

const unwrapBy = (names: readonly MaskName<'CryptographicUsageMask'>[], more: object = {}) => {
  const CryptographicUsageMask = maskOf('CryptographicUsageMask', names)
  const { objects } = around({ attributes: { CryptographicUsageMask, ...more }, answer: { data: bytes } })
  return unwrapped(objects, 'k', came({ EncodingOption: 'NoEncoding' }))
}

test('a key that may unwrap, or only wrap, unwraps, and any other not', async () => {
  assert.ok(await unwrapBy(['UnwrapKey']))
  assert.ok(await unwrapBy(['WrapKey']))
  await assert.rejects(
    unwrapBy(['Encrypt', 'Decrypt']),
    faults('IncompatibleCryptographicUsageMask', /WrapKey/),
  )
  const late = { ProcessStartDate: 9n }
  await assert.rejects(
    unwrapBy(['UnwrapKey', 'WrapKey'], late),
    faults('WrongKeyLifecycleState', /Process Start Date/),
  )
})

test('what was wrapped as a Key Value is unwrapped to the key in it', async () => {
  const value = packKeyValue('Raw', { KeyMaterial: bytes })
  const { objects } = around({ answer: { data: value } })
  assert.deepEqual(await unwrapped(objects, 'k', came()), { bytes, head: { keyFormatType: 'Raw' } })
})
