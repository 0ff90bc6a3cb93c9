// Only keys that the server has itself are split and joined, and a split that fails midway leaves no part of the key in memory.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSplitKey, joinSplitKey } from '../../../../src/core/keys/acts/split-key.ts'
import type { AttributeSet } from '../../../../src/wire/kmip/attributes.ts'
import type { TransactionObjects } from '../../../../src/core/keys/transaction/transaction-objects.ts'
import type { ObjectType } from '../../../../src/core/keys/object/managed-object.ts'
import { splitKeyPartsMax } from '../../../../src/base/bounds.ts'
import type { State } from '../../../../src/core/keys/object/lifecycle.ts'
import type { Material, MaterialHead, SplitKeyHead } from '../../../../src/core/sealing/envelope.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

test('the parts that could not be stored are overwritten too', async () => {
  const made = [1, 2, 3].map((fill) => new Uint8Array(32).fill(fill))
  const opened: Uint8Array[] = []
  const kept: Buffer[] = []
  const objects = {
    staged: { begin: () => undefined, opened: (bytes: Uint8Array) => opened.push(bytes) },
    compute: async () => made,
    keep: async (_wanted: unknown, { bytes }: Material) => {
      if (kept.length === 1) throw new Error('the disk is full')
      return `part ${kept.push(bytes)}`
    },
  } as unknown as TransactionObjects
  const attributes = attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 256 })
  const wanted = { uniqueIdentifier: undefined, parts: 3, threshold: 3, method: 'XOR', attributes } as const
  await assert.rejects(createSplitKey(objects, { ...wanted, primeFieldSize: undefined }), /disk is full/)
  assert.ok(made.every((part) => part.every((byte) => byte === 0)))
  assert.deepEqual(kept[0], Buffer.alloc(32, 1), 'what is stored is a copy')
  assert.equal(opened.length, 1, 'the key itself is wiped with the transaction')
})

test('a key is not joined from no parts, nor to an object that has none', async () => {
  const begun: unknown[] = []
  const objects = {
    staged: { begin: (...entry: unknown[]) => begun.push(entry) },
  } as unknown as TransactionObjects
  const wanted = { uniqueIdentifiers: [], attributes: attributeSet({}), secretDataType: undefined } as const
  const join = (objectType: 'SymmetricKey' | 'Certificate') =>
    joinSplitKey(objects, { ...wanted, objectType })
  await assert.rejects(join('SymmetricKey'), faults('InvalidField', /needs the Unique Identifiers/))
  await assert.rejects(join('Certificate'), faults('InvalidObjectType', /not joined to an object/))
  assert.deepEqual(begun, [
    ['key.join', null],
    ['key.join', null],
  ])
})

test('more parts than a key can have are refused before one of them is opened', async () => {
  const objects = {
    staged: { begin: () => undefined },
    live: () => assert.fail('no part may be looked up'),
  } as unknown as TransactionObjects
  const uniqueIdentifiers = Array.from({ length: splitKeyPartsMax + 1 }, (_, part) => String(part))
  const wanted = {
    objectType: 'SymmetricKey',
    attributes: attributeSet({}),
    secretDataType: undefined,
  } as const
  await assert.rejects(
    joinSplitKey(objects, { ...wanted, uniqueIdentifiers }),
    faults('InvalidField', /has 255 parts at most/),
  )
})

const splitKey = { parts: 2, part: 1, threshold: 2, method: 'XOR' } as const
const whole = { keyFormatType: 'Raw' } as const
const wrapping = { data: 'AA==', isInKeyValue: true }

/** One object of this type, with this material, and nothing to compute with. */
function holding(objectType: ObjectType, head: MaterialHead, state: State = 'Active') {
  const object = { objectType, state, attributes: attributeSet({}) }
  return {
    staged: { begin: () => undefined, opened: () => undefined, nowMs: 0 },
    instance: async () => ({}),
    live: async () => object,
    open: async () => ({ bytes: Buffer.alloc(32, 1), head }),
    compute: () => assert.fail('nothing may be computed of it'),
  } as unknown as TransactionObjects
}

test('a key is split if it is a Symmetric Key or Secret Data that the server can read and that has not ended', async () => {
  const attributes = attributeSet({})
  const wanted = { parts: 2, threshold: 2, method: 'XOR', primeFieldSize: undefined, attributes } as const
  const split = (objects: TransactionObjects) => createSplitKey(objects, { uniqueIdentifier: 'k', ...wanted })
  for (const objectType of ['SymmetricKey', 'SecretData'] as const)
    for (const state of ['PreActive', 'Active'] as const)
      await assert.rejects(split(holding(objectType, whole, state)), /nothing may be computed/)
  for (const objectType of ['PrivateKey', 'PublicKey', 'Certificate', 'SplitKey', 'OpaqueObject'] as const)
    await assert.rejects(split(holding(objectType, whole)), faults('InvalidObjectType'), objectType)
  for (const state of ['Deactivated', 'Compromised'] as const)
    await assert.rejects(split(holding('SymmetricKey', whole, state)), faults('WrongKeyLifecycleState'))
  for (const head of [
    { ...whole, wrapping },
    { ...whole, isElsewhere: true },
  ] as const)
    await assert.rejects(split(holding('SymmetricKey', head)), faults('KeyValueNotPresent'))
})

const joinTwo = (objects: TransactionObjects) =>
  joinSplitKey(objects, {
    objectType: 'SymmetricKey',
    uniqueIdentifiers: ['a', 'b'],
    attributes: attributeSet({}),
    secretDataType: undefined,
  })

test('a key is joined from Split Keys that the server can read and that have not ended', async () => {
  await assert.rejects(joinTwo(holding('SymmetricKey', whole)), faults('InvalidObjectType'))
  for (const head of [
    whole,
    { ...whole, splitKey, wrapping },
    { ...whole, splitKey, isElsewhere: true },
  ] as const)
    await assert.rejects(joinTwo(holding('SplitKey', head)), faults('KeyValueNotPresent'))
  for (const state of ['PreActive', 'Active'] as const)
    await assert.rejects(
      joinTwo(holding('SplitKey', { ...whole, splitKey }, state)),
      /nothing may be computed/,
    )
  for (const state of ['Deactivated', 'Compromised'] as const)
    await assert.rejects(
      joinTwo(holding('SplitKey', { ...whole, splitKey }, state)),
      faults('WrongKeyLifecycleState', /^the part a is/),
    )
})

/** Joins two parts that say these of themselves. */
function joinOf(...places: readonly SplitKeyHead[]): Promise<string> {
  const heads = places.map((place, index) => ({ ...whole, splitKey: { ...place, part: index + 1 } }))
  const open = async () => ({ bytes: Buffer.alloc(32, 1), head: heads.shift() })
  return joinTwo(Object.assign(holding('SplitKey', whole), { open }))
}

test('parts of different splits are not joined, whatever tells them apart, nor fewer than it takes', async () => {
  const prime = { ...splitKey, method: 'PolynomialSharingPrimeField', primeFieldSize: '257' } as const
  for (const [one, other] of [
    [splitKey, { ...splitKey, method: 'PolynomialSharingGF28' }],
    [splitKey, { ...splitKey, parts: 3 }],
    [splitKey, { ...splitKey, threshold: 1 }],
    [prime, { ...prime, primeFieldSize: '65537' }],
  ] as const)
    await assert.rejects(joinOf(one, other), faults('CryptographicFailure', /different keys/))
  const three = { ...splitKey, parts: 3, threshold: 3 }
  await assert.rejects(joinOf(three, three), faults('CryptographicFailure', /takes 3/))
})

test('a joined key has no attribute but its date that neither its parts nor the request have, and is as guarded as any part', async () => {
  const heads = [1, 2].map((part) => ({ ...whole, splitKey: { ...splitKey, part } }))
  const attributes = [
    attributeSet({ CryptographicUsageMask: 12, Sensitive: true, ProtectStopDate: 9n }),
    attributeSet({
      CryptographicUsageMask: 4,
      Extractable: false,
      ProtectStopDate: 8n,
      ProcessStartDate: 3n,
    }),
  ]
  const kept: AttributeSet[] = []
  const objects = Object.assign(holding('SplitKey', whole), {
    staged: { begin: () => undefined, opened: () => undefined, done: () => undefined, nowMs: 0 },
    live: async () => ({ objectType: 'SplitKey', state: 'Active', attributes: attributes.shift() }),
    open: async () => ({ bytes: Buffer.alloc(32, 1), head: heads.shift() }),
    compute: async () => new Uint8Array(32),
    keep: async (wanted: { readonly attributes: AttributeSet }, { head }: Material, generated: boolean) => {
      assert.equal(generated, false, 'the server did not make the key')
      assert.deepEqual(head, { keyFormatType: 'Raw', secretDataType: 'Password' })
      return `joined ${kept.push(wanted.attributes)}`
    },
  })
  const join = (wanted: object) =>
    joinSplitKey(objects, {
      objectType: 'SecretData',
      uniqueIdentifiers: ['a', 'b'],
      attributes: attributeSet({ CryptographicUsageMask: 4, ...wanted }),
      secretDataType: undefined,
    })
  await join({})
  assert.deepEqual(
    kept[0],
    attributeSet({
      CryptographicUsageMask: 4,
      ProcessStartDate: 3n,
      ProtectStopDate: 8n,
      Sensitive: true,
      Extractable: false,
      OriginalCreationDate: 0n,
    }),
  )
})

/** Joins two parts that have these attributes, and returns those of the key, without its date. */
async function joined(wanted: object, ...parts: readonly object[]): Promise<AttributeSet> {
  const places = parts.map((_, index) => ({ ...whole, splitKey: { ...splitKey, part: index + 1 } }))
  const left = parts.map((one) => attributeSet({ ...one }))
  let kept: AttributeSet | undefined
  const objects = Object.assign(holding('SplitKey', whole), {
    staged: { begin: () => undefined, opened: () => undefined, done: () => undefined, nowMs: 0 },
    live: async () => ({ objectType: 'SplitKey', state: 'Active', attributes: left.shift() }),
    open: async () => ({ bytes: Buffer.alloc(32, 1), head: places.shift() }),
    compute: async () => new Uint8Array(32),
    keep: async (one: { readonly attributes: AttributeSet }) => {
      kept = new Map([...one.attributes].filter(([key]) => key !== 'OriginalCreationDate'))
      return 'joined'
    },
  })
  const attributes = attributeSet({ ...wanted })
  const request = {
    objectType: 'SymmetricKey',
    uniqueIdentifiers: ['a', 'b'],
    secretDataType: undefined,
  } as const
  await joinSplitKey(objects, { ...request, attributes })
  assert.ok(kept)
  return kept
}

const dates = (ProcessStartDate: bigint, ProtectStopDate: bigint) => ({ ProcessStartDate, ProtectStopDate })

test('of two dates the stricter one counts, whichever of the parts and the request has it', async () => {
  const [early, late, strict] = [dates(3n, 8n), dates(5n, 9n), attributeSet(dates(5n, 8n))]
  assert.deepEqual(await joined({}, early, late), strict)
  assert.deepEqual(await joined({}, late, early), strict)
  assert.deepEqual(await joined(dates(5n, 8n), early, late), strict)
  assert.deepEqual(await joined(dates(1n, 20n), late, early), strict)
  assert.deepEqual(await joined(dates(6n, 7n), early, late), attributeSet(dates(6n, 7n)))
})

test('a joined key has the algorithm, the length and the mask of its parts, unless the request says others that they allow', async () => {
  const part = { CryptographicAlgorithm: 'AES', CryptographicLength: 256, CryptographicUsageMask: 12 }
  assert.deepEqual(await joined({}, part, part), attributeSet(part))
  const asked = { CryptographicAlgorithm: 'ARIA', CryptographicLength: 128, CryptographicUsageMask: 4 }
  assert.deepEqual(await joined(asked, part, part), attributeSet(asked))
  for (const [wanted, other] of [
    [{ CryptographicUsageMask: 13 }, part],
    [{}, { ...part, CryptographicUsageMask: 4 }],
  ] as const)
    await assert.rejects(joined(wanted, part, other), faults('PermissionDenied', /Masks of the parts/))
  assert.deepEqual(await joined({}, { Sensitive: false }, { Extractable: true }), attributeSet({}))
})

test('each method is that of its name, over a prime field with the prime, and each part knows its place', async () => {
  const attributes = attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 256 })
  for (const [method, primeFieldSize, expected] of [
    ['XOR', undefined, { name: 'xor' }],
    ['PolynomialSharingGF28', undefined, { name: 'gf2to8' }],
    ['PolynomialSharingGF216', undefined, { name: 'gf2to16' }],
    ['PolynomialSharingPrimeField', 257n, { name: 'prime', prime: 257n }],
  ] as const) {
    const kept: unknown[] = []
    const objects = {
      staged: { begin: () => undefined, opened: () => undefined, done: () => undefined },
      compute: async (_name: string, { method: asked, parts, threshold }: Record<string, unknown>) => {
        assert.deepEqual([asked, parts, threshold], [expected, 3, 2])
        return [1, 2, 3].map((fill) => new Uint8Array(4).fill(fill))
      },
      keep: async (_wanted: unknown, { head }: Material) => `part ${kept.push(head.splitKey)}`,
    } as unknown as TransactionObjects
    const wanted = { uniqueIdentifier: undefined, parts: 3, threshold: 2, method, primeFieldSize, attributes }
    assert.deepEqual(await createSplitKey(objects, wanted), ['part 1', 'part 2', 'part 3'])
    const field = primeFieldSize === undefined ? {} : { primeFieldSize: '257' }
    assert.deepEqual(
      kept,
      [1, 2, 3].map((part) => ({ parts: 3, part, threshold: 2, method, ...field })),
    )
  }
  const without = { method: 'PolynomialSharingPrimeField', primeFieldSize: undefined } as const
  const asked = { uniqueIdentifier: undefined, parts: 3, threshold: 2, attributes, ...without }
  const objects = { staged: { begin: () => undefined, opened: () => undefined } }
  await assert.rejects(
    createSplitKey(objects as unknown as TransactionObjects, asked),
    faults('InvalidField', /needs the Prime Field Size/),
  )
})

/** How long a key shall be, in bytes, that is joined of one part of 32. */
async function lengthOf(method: SplitKeyHead['method'], attributes: object): Promise<unknown> {
  const place = { parts: 1, threshold: 1, part: 1, method, primeFieldSize: '257' }
  const objects = holding('SplitKey', { ...whole, splitKey: place })
  let secretBytes: unknown
  const compute = async (_name: string, input: { readonly secretBytes: number }) => {
    secretBytes = input.secretBytes
    return new Uint8Array(4)
  }
  Object.assign(objects, { compute, keep: async () => 'joined' })
  Object.assign(objects.staged, { done: () => undefined })
  await joinSplitKey(objects, {
    objectType: 'SymmetricKey',
    uniqueIdentifiers: ['a'],
    attributes: attributeSet({ ...attributes }),
    secretDataType: undefined,
  })
  return secretBytes
}

test('the joined key is as long as a part, or over a prime field as long as the request or a part says', async () => {
  assert.equal(await lengthOf('PolynomialSharingGF28', { CryptographicLength: 64 }), 32)
  const prime = 'PolynomialSharingPrimeField'
  assert.equal(await lengthOf(prime, { CryptographicLength: 64 }), 8)
  assert.equal(await lengthOf(prime, { CryptographicLength: 12 }), 2)
  await assert.rejects(
    lengthOf(prime, {}),
    faults('InvalidField', /takes the attribute Cryptographic Length/),
  )
})
