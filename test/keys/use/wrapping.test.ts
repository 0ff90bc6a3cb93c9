// Keys that leave wrapped and keys that came wrapped (KMIP 1.4 §2.1.5, §2.1.6): which specifications fit, what is wrapped, and what
// the result of unwrapping must be.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ManagedObject, ObjectType } from '../../../src/keys/object/managed-object.ts'
import type { TransactionObjects } from '../../../src/keys/transaction/transaction-objects.ts'
import { unwrapped, wrapKeyBlock, type WrapWanted } from '../../../src/keys/use/wrapping.ts'
import { packWrappingData, type KeyBlock, type KeyWrappingData } from '../../../src/kmip/objects.ts'
import { maskOf } from '../../../src/kmip/enums.ts'
import { attributeSet, faults } from '../../support/core.ts'

const uses = maskOf('CryptographicUsageMask', ['WrapKey', 'UnwrapKey', 'MACGenerate', 'MACVerify'])
const keyWrap = { BlockCipherMode: 'NISTKeyWrap', CryptographicAlgorithm: 'AES' } as const
const bytes = Buffer.alloc(16, 3)
const by = (UniqueIdentifier: string) => ({ UniqueIdentifier })

interface Stage {
  readonly objectType?: ObjectType
  readonly attributes?: Readonly<Record<string, unknown>>
  /** What each computation answers. */
  readonly answer?: object
}

/** Objects whose only one is the wrapping key, and what is done with it. */
function around({
  objectType = 'SymmetricKey',
  attributes = {},
  answer = { data: Buffer.from('wrapped') },
}: Stage = {}) {
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
    live: async (uniqueIdentifier: string) => ({
      uniqueIdentifier,
      objectType,
      state: 'Active',
      attributes: attributeSet({
        CryptographicUsageMask: uses,
        CryptographicParameters: keyWrap,
        ...attributes,
      }),
    }),
    open: async () => ({ bytes: Buffer.alloc(32, 9), head: { keyFormatType: 'Raw' } }),
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

const specification = (more: object = {}): WrapWanted['specification'] => ({
  WrappingMethod: 'Encrypt',
  EncryptionKeyInformation: by('w'),
  EncodingOption: 'NoEncoding',
  AttributeName: [],
  ...more,
})

const wanted = (more: object = {}, rest: Partial<WrapWanted> = {}): WrapWanted => ({
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
  return made.then(() => (computed[0] as { readonly opening: { readonly wanted: object } }).opening.wanted)
}

test('the parameters that are asked for are among those of the wrapping key, whose first ones count otherwise', async () => {
  const cbc = { BlockCipherMode: 'CBC', CryptographicAlgorithm: 'AES' } as const
  assert.deepEqual(await wrapBy(undefined, [keyWrap, cbc]), setting('NISTKeyWrap'))
  assert.deepEqual(await wrapBy({ BlockCipherMode: 'CBC' }, [keyWrap, cbc]), setting('CBC'))
  assert.deepEqual(await wrapBy({ BlockCipherMode: undefined }, [keyWrap, cbc]), setting('NISTKeyWrap'))
  await assert.rejects(wrapBy({ BlockCipherMode: 'GCM' }, [keyWrap, cbc]), faults('ItemNotFound', /no such/))
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
