// Create Split Key and Join Split Key (KMIP 1.4 §4.38, §4.39) through the mTLS listener.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import {
  aes256,
  attribute,
  materialOf,
  template,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

type Split = Request<'CreateSplitKey'>

function split(
  UniqueIdentifier: string | undefined,
  method: string,
  counts: readonly [number, number],
  more: Partial<Split> = {},
) {
  const [SplitKeyParts, SplitKeyThreshold] = counts
  const request = {
    ObjectType: 'SplitKey',
    UniqueIdentifier,
    SplitKeyParts,
    SplitKeyThreshold,
    SplitKeyMethod: method,
  }
  return { ...request, ...template([]), ...more } as Split
}

const join = (UniqueIdentifier: readonly string[], more: readonly WireAttribute[] = []) =>
  ({ ObjectType: 'SymmetricKey', UniqueIdentifier, ...template(more) }) as Request<'JoinSplitKey'>

async function keyOf(bytes: Buffer, more: readonly WireAttribute[] = []): Promise<string> {
  const KeyBlock = {
    KeyFormatType: 'Raw',
    KeyValue: { KeyMaterial: Buffer.from(bytes) },
    CryptographicAlgorithm: 'AES',
    CryptographicLength: 256,
  } as const
  const request = {
    ObjectType: 'SymmetricKey',
    ...template([attribute('Cryptographic Usage Mask', 12), ...more]),
    SymmetricKey: { KeyBlock },
  } as const
  return (await session.ask('1.4', 'Register', request)).UniqueIdentifier
}

async function bytesOf(UniqueIdentifier: string): Promise<Buffer> {
  const { SymmetricKey, SplitKey } = await session.ask('1.4', 'Get', { UniqueIdentifier })
  return materialOf((SymmetricKey ?? SplitKey)?.KeyBlock)
}

test('enough parts of each method form the key again, and fewer are refused', async () => {
  const bytes = randomBytes(32)
  const prime = 2n ** 521n - 1n
  for (const [method, counts, more] of [
    ['XOR', [3, 3], {}],
    ['PolynomialSharingGF28', [5, 3], {}],
    ['PolynomialSharingGF216', [4, 2], {}],
    ['PolynomialSharingPrimeField', [4, 3], { PrimeFieldSize: prime }],
  ] as const) {
    const UniqueIdentifier = await keyOf(bytes)
    const made = await session.ask('1.4', 'CreateSplitKey', split(UniqueIdentifier, method, counts, more))
    const parts = made.UniqueIdentifier
    assert.equal(parts.length, counts[0])
    const [first = ''] = parts
    const given = (await session.ask('1.4', 'Get', { UniqueIdentifier: first })).SplitKey
    assert.deepEqual(
      [given?.KeyPartIdentifier, given?.SplitKeyMethod, given?.PrimeFieldSize],
      [1, method, 'PrimeFieldSize' in more ? prime : undefined],
    )
    assert.notDeepEqual(await bytesOf(first), bytes)
    const joined = await session.ask('1.4', 'JoinSplitKey', join(parts.slice(-counts[1])))
    assert.deepEqual(await bytesOf(joined.UniqueIdentifier), bytes, method)
    assert.deepEqual(await session.values('1.4', joined.UniqueIdentifier, 'Cryptographic Length'), [256])
    assert.equal(
      await session.refused('1.4', 'JoinSplitKey', join(parts.slice(1, counts[1]))),
      'CryptographicFailure',
    )
    const twice = [first, ...parts.slice(0, counts[1] - 1)]
    assert.equal(
      await session.refused('1.4', 'JoinSplitKey', join(twice)),
      'CryptographicFailure',
      'a part twice',
    )
  }
})

test('without a key to split a new one is made, and the ID Placeholder is its first part', async () => {
  const request = split(undefined, 'XOR', [2, 2], template(aes256))
  const [made, got] = await session.send('1.4', [
    { operation: 'CreateSplitKey', request, id: Buffer.of(1) },
    { operation: 'Get', request: {}, id: Buffer.of(2) },
  ] as never)
  assert.ok(made && got)
  const { UniqueIdentifier: ids } = made.payload as { UniqueIdentifier: string[] }
  assert.equal((got.payload as { UniqueIdentifier: string }).UniqueIdentifier, ids[0])
  const joined = await session.ask('1.4', 'JoinSplitKey', join(ids))
  assert.equal((await bytesOf(joined.UniqueIdentifier)).length, 32)
})

test('a DES key that states its length without the parity bits is joined over a prime field too', async () => {
  const des = [attribute('Cryptographic Algorithm', 'DES'), attribute('Cryptographic Length', 56)]
  const { UniqueIdentifier: key } = await session.ask('1.4', 'Create', {
    ObjectType: 'SymmetricKey',
    ...template([...des, attribute('Cryptographic Usage Mask', 12)]),
  })
  const more = { PrimeFieldSize: 2n ** 521n - 1n }
  const made = await session.ask(
    '1.4',
    'CreateSplitKey',
    split(key, 'PolynomialSharingPrimeField', [2, 2], more),
  )
  const joined = await session.ask('1.4', 'JoinSplitKey', join(made.UniqueIdentifier))
  assert.deepEqual(await bytesOf(joined.UniqueIdentifier), await bytesOf(key))
})

test('parts and what is joined of them are as sensitive as the key', async () => {
  const source = await keyOf(randomBytes(32), [attribute('Sensitive', true), attribute('Extractable', false)])
  const open = template([attribute('Sensitive', false)])
  const { UniqueIdentifier: parts } = await session.ask(
    '1.4',
    'CreateSplitKey',
    split(source, 'XOR', [2, 2], open),
  )
  for (const UniqueIdentifier of parts)
    assert.equal(await session.refused('1.4', 'Get', { UniqueIdentifier }), 'NotExtractable')
  const request = join(parts, [attribute('Sensitive', false), attribute('Extractable', true)])
  const { UniqueIdentifier } = await session.ask('1.4', 'JoinSplitKey', request)
  assert.equal(await session.refused('1.4', 'Get', { UniqueIdentifier }), 'NotExtractable')
  assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'Sensitive'), [true])
})

const xor = (id: string) => split(id, 'XOR', [2, 2])

test('splitting and joining frees a key from nothing: not from Usage Limits, its end, its mask, or its dates', async () => {
  const limited = await keyOf(randomBytes(32), [
    attribute('Usage Limits', { UsageLimitsTotal: 5n, UsageLimitsUnit: 'Object' }),
  ])
  assert.equal(await session.refused('1.4', 'CreateSplitKey', xor(limited)), 'PermissionDenied')
  const stop = 4_000_000_000n
  const dated = await keyOf(randomBytes(32), [attribute('Protect Stop Date', stop)])
  const { UniqueIdentifier: parts } = await session.ask('1.4', 'CreateSplitKey', xor(dated))
  const wider = join(parts, [attribute('Cryptographic Usage Mask', 0xff)])
  assert.equal(await session.refused('1.4', 'JoinSplitKey', wider), 'PermissionDenied')
  const later = join(parts, [attribute('Protect Stop Date', stop + 1n)])
  const joined = await session.ask('1.4', 'JoinSplitKey', later)
  assert.deepEqual(await session.values('1.4', joined.UniqueIdentifier, 'Protect Stop Date'), [stop])
  const RevocationReason = { RevocationReasonCode: 'KeyCompromise' } as const
  await session.ask('1.4', 'Revoke', { UniqueIdentifier: dated, RevocationReason })
  assert.equal(await session.refused('1.4', 'CreateSplitKey', xor(dated)), 'PermissionDenied')
})

test('what cannot be split or joined is refused', async () => {
  const key = await keyOf(randomBytes(32))
  const bad: readonly Split[] = [
    split(key, 'XOR', [3, 2]),
    split(key, 'PolynomialSharingGF28', [1, 1]),
    split(key, 'PolynomialSharingGF28', [3, 4]),
    split(key, 'PolynomialSharingPrimeField', [3, 2]),
    split(key, 'PolynomialSharingPrimeField', [3, 2], { PrimeFieldSize: 15n }),
    split(undefined, 'XOR', [2, 2]),
    split(key, 'XOR', [2, 2], { ObjectType: 'SymmetricKey' }),
  ]
  for (const request of bad)
    assert.equal(await session.refused('1.4', 'CreateSplitKey', request), 'InvalidField')
  assert.equal(await session.refused('1.4', 'CreateSplitKey', split('none', 'XOR', [2, 2])), 'ItemNotFound')
  assert.equal(await session.refused('1.4', 'JoinSplitKey', join([key, key])), 'InvalidField')
  const one = await session.ask('1.4', 'CreateSplitKey', split(key, 'XOR', [2, 2]))
  const other = await session.ask('1.4', 'CreateSplitKey', split(key, 'PolynomialSharingGF28', [2, 2]))
  const mixed = [one.UniqueIdentifier[0] ?? '', other.UniqueIdentifier[1] ?? '']
  assert.equal(await session.refused('1.4', 'JoinSplitKey', join(mixed)), 'CryptographicFailure')
})

const part = (KeyPartIdentifier: number) => {
  const KeyBlock = {
    KeyFormatType: 'Raw',
    KeyValue: { KeyMaterial: randomBytes(32) },
    CryptographicAlgorithm: 'AES',
    CryptographicLength: 256,
  } as const
  const SplitKey = {
    SplitKeyParts: 3,
    KeyPartIdentifier,
    SplitKeyThreshold: 2,
    SplitKeyMethod: 'XOR',
    KeyBlock,
  } as const
  return {
    ObjectType: 'SplitKey',
    ...template([attribute('Cryptographic Usage Mask', 12)]),
    SplitKey,
  } as const
}

test('a part says one of the numbers of the parts, and by XOR all of them form the key, whatever threshold they say', async () => {
  assert.equal(await session.refused('1.4', 'Register', part(4)), 'InvalidField')
  const ids: string[] = []
  for (const number of [1, 2, 3])
    ids.push((await session.ask('1.4', 'Register', part(number))).UniqueIdentifier)
  assert.equal(await session.refused('1.4', 'JoinSplitKey', join(ids.slice(0, 2))), 'CryptographicFailure')
  await session.ask('1.4', 'JoinSplitKey', join(ids))
})
