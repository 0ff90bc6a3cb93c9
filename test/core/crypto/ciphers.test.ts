// Symmetric ciphers against published vectors, whole and in parts; and what is refused, always with the same words.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { CryptoError, decryptionFailed, type CryptoErrorKind } from '../../../src/core/crypto/error.ts'
import type { CipherParameters } from '../../../src/core/crypto/cipher-setting.ts'
import type { Opening } from '../../../src/core/crypto/openings.ts'
import { hex, inParts, vectors, whole } from './known-answers.ts'

function kind(expected: CryptoErrorKind) {
  return (error: unknown) => error instanceof CryptoError && error.kind === expected
}

const failure = { name: 'CryptoError', kind: 'failed', message: decryptionFailed().message }

test('AES in the modes of SP 800-38A', () => {
  interface Vector {
    readonly section: string
    readonly mode: string
    readonly key: string
    readonly iv?: string
    readonly ciphertext: string
  }
  const file = vectors('aes-modes.json') as {
    readonly plaintext: string
    readonly vectors: readonly Vector[]
  }
  for (const { section, mode, key, iv, ciphertext } of file.vectors) {
    const cipher = { algorithm: 'AES', mode }
    const opening = () => ({ key: hex(key), cipher, iv: hex(iv) })
    for (const compute of [whole, inParts]) {
      assert.equal(compute({ kind: 'encrypt', ...opening() }, hex(file.plaintext)).data, ciphertext, section)
      assert.equal(compute({ kind: 'decrypt', ...opening() }, hex(ciphertext)).data, file.plaintext, section)
    }
  }
})

test('the other block ciphers in their modes, AES-XTS and ChaCha20', () => {
  interface Vector {
    readonly source: string
    readonly algorithm: string
    readonly mode?: string
    readonly key: string
    readonly iv?: string
    readonly plaintext: string
    readonly ciphertext: string
  }
  const file = vectors('block-modes.json') as { readonly vectors: readonly Vector[] }
  for (const { source, algorithm, mode, key, iv, plaintext, ciphertext } of file.vectors) {
    const opening = () => ({ key: hex(key), cipher: { algorithm, mode }, iv: hex(iv), totalBytes: 1 })
    for (const compute of mode === 'XTS' ? [whole] : [whole, inParts]) {
      assert.equal(compute({ kind: 'encrypt', ...opening() }, hex(plaintext)).data, ciphertext, source)
      assert.equal(compute({ kind: 'decrypt', ...opening() }, hex(ciphertext)).data, plaintext, source)
    }
  }
})

interface AeadVector {
  readonly source: string
  readonly algorithm: string
  readonly mode?: string
  readonly key: string
  readonly iv: string
  readonly aad: string
  readonly plaintext: string
  readonly ciphertext: string
  readonly tag: string
  /** A tag so short that Mortise does not make it. */
  readonly tagBytesRefused?: boolean
}

const { vectors: aead } = vectors('aead.json') as { readonly vectors: readonly AeadVector[] }

function aeadOpening({ algorithm, mode, key, iv, aad, tag }: AeadVector) {
  const cipher: CipherParameters = { algorithm, mode, tagBytes: tag.length / 2 }
  return { key: hex(key), cipher, iv: hex(iv), aad: hex(aad) }
}

test('ciphers with a tag, apart and appended', () => {
  for (const vector of aead) {
    const { source, plaintext, ciphertext, tag } = vector
    const isCcm = vector.mode === 'CCM'
    const sealing = (): Opening => ({
      kind: 'encrypt',
      ...aeadOpening(vector),
      totalBytes: plaintext.length / 2,
    })
    if (vector.tagBytesRefused === true) {
      assert.throws(() => whole(sealing(), hex(plaintext)), kind('tag-length'))
      continue
    }
    assert.deepEqual(whole(sealing(), hex(plaintext)), { data: ciphertext, tag, valid: undefined }, source)
    if (!isCcm) assert.equal(inParts(sealing(), hex(plaintext)).tag, tag, source)
    const opening = (): Opening => ({ kind: 'decrypt', ...aeadOpening(vector) })
    for (const compute of [whole, inParts]) {
      assert.equal(compute(opening(), hex(ciphertext), { tag: hex(tag) }).data, plaintext, source)
      const appended = { ...opening(), tagAppended: true } as Opening
      assert.equal(compute(appended, hex(ciphertext + tag)).data, plaintext, source)
    }
  }
})

function flipped(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes, (byte, index) => (index === 0 ? byte ^ 1 : byte))
}

test('nothing of data with a tag leaves before the tag was found right, and every failure is the same', () => {
  for (const vector of aead.filter(({ tagBytesRefused }) => tagBytesRefused !== true)) {
    const { ciphertext, tag } = vector
    const right = { ...aeadOpening(vector), kind: 'decrypt' as const }
    const wrong: readonly [Opening, Uint8Array, Uint8Array | undefined][] = [
      [right, hex(ciphertext), flipped(hex(tag))],
      [right, hex(ciphertext), hex(tag).subarray(1)],
      [right, hex(ciphertext), undefined],
      [{ ...right, key: flipped(right.key) }, hex(ciphertext), hex(tag)],
      [{ ...right, iv: flipped(right.iv) }, hex(ciphertext), hex(tag)],
      [{ ...right, aad: flipped(Buffer.concat([right.aad, Buffer.of(0)])) }, hex(ciphertext), hex(tag)],
      [{ ...right, tagAppended: true }, hex(tag).subarray(1), undefined],
    ]
    for (const [opening, data, given] of wrong)
      for (const compute of [whole, inParts])
        assert.throws(() => compute(opening, data, { tag: given }), failure, vector.source)
    if (ciphertext.length > 0)
      assert.throws(() => whole(right, flipped(hex(ciphertext)), { tag: hex(tag) }), failure)
  }
})

test('AES key wrap', () => {
  interface Vector {
    readonly source: string
    readonly mode: string
    readonly key: string
    readonly plaintext: string
    readonly ciphertext: string
  }
  for (const { source, mode, key, plaintext, ciphertext } of (
    vectors('key-wrap.json') as { readonly vectors: readonly Vector[] }
  ).vectors) {
    const opening = { key: hex(key), cipher: { algorithm: 'AES', mode } }
    const totalBytes = plaintext.length / 2
    assert.equal(whole({ kind: 'encrypt', ...opening, totalBytes }, hex(plaintext)).data, ciphertext, source)
    assert.equal(
      whole({ kind: 'decrypt', ...opening, totalBytes: 1 }, hex(ciphertext)).data,
      plaintext,
      source,
    )
    const altered = hex(ciphertext).with(3, 0)
    assert.throws(() => whole({ kind: 'decrypt', ...opening, totalBytes: 1 }, altered), failure, source)
    assert.throws(() => inParts({ kind: 'encrypt', ...opening }, hex(plaintext)), kind('unsupported'))
  }
})

test('AES key wrap takes at least two halves of a block (SP 800-38F §5.3.1)', () => {
  const opening = { key: randomBytes(32), cipher: { algorithm: 'AES', mode: 'NISTKeyWrap' }, totalBytes: 8 }
  for (const bytes of [0, 8, 15, 17])
    assert.throws(
      () => whole({ kind: 'encrypt', ...opening }, randomBytes(bytes)),
      kind('invalid'),
      `${bytes}`,
    )
  for (const bytes of [0, 8, 16, 25])
    assert.throws(() => whole({ kind: 'decrypt', ...opening }, randomBytes(bytes)), failure, `${bytes}`)
  const padded = { ...opening, cipher: { algorithm: 'AES', mode: 'AESKeyWrapPadding' } }
  assert.throws(() => whole({ kind: 'encrypt', ...padded }, randomBytes(0)), kind('invalid'))
  assert.throws(() => whole({ kind: 'decrypt', ...padded }, randomBytes(0)), failure)
})

test('paddings come off as they went on, for every length and cut', () => {
  for (const [algorithm, mode, keyBytes] of [
    ['AES', 'CBC', 32],
    ['AES', 'ECB', 16],
    ['DES3', 'CBC', 24],
    ['DES3', 'ECB', 16],
    ['Camellia', 'CBC', 24],
  ] as const)
    for (const padding of ['PKCS5', 'ANSIX9_23', 'ISO10126']) {
      const block = algorithm === 'DES3' ? 8 : 16
      const [key, iv] = [randomBytes(keyBytes), mode === 'CBC' ? randomBytes(block) : undefined]
      const opening = { key, iv, cipher: { algorithm, mode, padding } }
      for (let length = 0; length <= 2 * block + 1; length++) {
        const data = randomBytes(length)
        const sealed = inParts({ kind: 'encrypt', ...opening }, data).data
        assert.equal(sealed.length / 2, (Math.floor(length / block) + 1) * block)
        for (const compute of [whole, inParts])
          assert.equal(compute({ kind: 'decrypt', ...opening }, hex(sealed)).data, data.toString('hex'))
      }
    }
})

test('a wrong padding, a wrong length and a wrong key have the same answer', () => {
  const key = Buffer.alloc(16, 7)
  const raw = (data: string) =>
    hex(whole({ kind: 'encrypt', key, cipher: { algorithm: 'AES', mode: 'ECB' } }, hex(data)).data)
  const zeros = '00'.repeat(14)
  const table: readonly [padding: string, block: string][] = [
    ['PKCS5', `${zeros}0000`],
    ['PKCS5', `${zeros}0011`],
    ['PKCS5', `${zeros}0102`],
    ['PKCS5', `${zeros}0202`.replace(/0202$/, '0002')],
    ['ANSIX9_23', `${zeros}0103`],
    ['ANSIX9_23', `${zeros}0000`],
    ['ANSIX9_23', `${zeros}00ff`],
    ['ISO10126', `${zeros}0000`],
    ['ISO10126', `${zeros}0011`],
  ]
  for (const [padding, block] of table) {
    const opening: Opening = { kind: 'decrypt', key, cipher: { algorithm: 'AES', mode: 'ECB', padding } }
    assert.throws(() => whole(opening, raw(block)), failure, `${padding} ${block}`)
    assert.throws(() => whole(opening, raw(block).subarray(1)), failure)
    assert.throws(() => whole(opening, new Uint8Array(0)), failure)
  }
})

test('what is not done is refused with its reason', () => {
  const key = randomBytes(16)
  const iv = randomBytes(16)
  const table: readonly [CipherParameters, CryptoErrorKind, Partial<Opening>?][] = [
    [{ algorithm: 'RC4', mode: 'CBC' }, 'unsupported'],
    [{ algorithm: undefined, mode: 'CBC' }, 'unsupported'],
    [{ algorithm: 'AES' }, 'unsupported'],
    [{ algorithm: 'AES', mode: 'PCBC' }, 'unsupported'],
    [{ algorithm: 'DES3', mode: 'GCM' }, 'unsupported'],
    [{ algorithm: 'DES3', mode: 'CBC' }, 'invalid'],
    [{ algorithm: 'AES', mode: 'CBC', padding: 'Zeros' }, 'unsupported'],
    [{ algorithm: 'AES', mode: 'CTR', padding: 'PKCS5' }, 'unsupported'],
    [{ algorithm: 'AES', mode: 'XTS' }, 'invalid'],
    [{ algorithm: 'AES', mode: 'CBC' }, 'no-iv', { iv: undefined }],
    [{ algorithm: 'AES', mode: 'CBC' }, 'invalid', { iv: randomBytes(12) }],
    [{ algorithm: 'AES', mode: 'CBC' }, 'invalid', { aad: randomBytes(1) }],
    [{ algorithm: 'AES', mode: 'GCM', tagBytes: 1 }, 'tag-length'],
    [{ algorithm: 'AES', mode: 'GCM', tagBytes: 32 }, 'tag-length'],
    [{ algorithm: 'AES', mode: 'CBC' }, 'invalid', {}],
    [{ algorithm: 'ChaCha20Poly1305' }, 'invalid'],
  ]
  for (const [cipher, expected, more] of table) {
    const opening = {
      kind: 'encrypt',
      key,
      cipher,
      iv: cipher.algorithm === 'DES3' ? iv.subarray(8) : iv,
      ...more,
    }
    assert.throws(() => whole(opening as Opening, randomBytes(15)), kind(expected), JSON.stringify(cipher))
  }
})

test('XTS takes a key of two halves and the data as one unit', () => {
  const opening = { key: randomBytes(64), iv: randomBytes(16), cipher: { algorithm: 'AES', mode: 'XTS' } }
  const data = randomBytes(40)
  const sealed = whole({ kind: 'encrypt', ...opening, totalBytes: 40 }, data).data
  assert.equal(whole({ kind: 'decrypt', ...opening, totalBytes: 40 }, hex(sealed)).data, data.toString('hex'))
  assert.throws(() => inParts({ kind: 'encrypt', ...opening }, data), kind('unsupported'))
  const equal = { ...opening, key: Buffer.alloc(64, 1), totalBytes: 40 }
  assert.throws(() => whole({ kind: 'encrypt', ...equal }, data), kind('invalid'))
})
