// PKCS#12 containers of OpenSSL, and our own, are read: the key, the certificates that belong to it, and nothing with a wrong
// password.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  identifier,
  nothing,
  octetString,
  sequence,
  tagged,
  unsigned,
  writeDer,
} from '../../../src/core/crypto/der.ts'
import { CryptoError } from '../../../src/core/crypto/error.ts'
import { writePkcs12 } from '../../../src/core/crypto/pkcs12.ts'
import { readPkcs12 } from '../../../src/core/crypto/read-pkcs12.ts'
import { pkcs12IterationsMax } from '../../../src/core/crypto/read-pkcs12.ts'

interface Vectors {
  readonly password: string
  readonly friendlyName: string
  readonly privateKey: string
  readonly certificates: readonly string[]
  readonly containers: Readonly<Record<string, string>>
  readonly refused: Readonly<Record<string, string>>
}

const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/pkcs12.json', import.meta.url), 'utf8'),
) as Vectors
const password = Buffer.from(vectors.password)
const bytesOf = (text: string) => Buffer.from(text, 'base64')
const key = bytesOf(vectors.privateKey)
const chain = vectors.certificates.map(bytesOf)

const failure =
  (kind: string, message = /./) =>
  (error: unknown) =>
    error instanceof CryptoError && error.kind === kind && message.test(error.message)

for (const [name, text] of Object.entries(vectors.containers))
  test(`${name}: the key and its chain come out, and a wrong password is one answer`, () => {
    const container = bytesOf(text)
    const content = readPkcs12({ container, password })
    assert.deepEqual(Buffer.from(content.privateKey), key)
    const hasCertificates = name !== 'plain'
    assert.deepEqual(
      content.certificates.map((der) => Buffer.from(der)),
      hasCertificates ? chain : [],
    )
    if (hasCertificates) {
      assert.equal(content.friendlyName, vectors.friendlyName)
      const named = readPkcs12({ container, password, friendlyName: 'lEAF' })
      assert.deepEqual(Buffer.from(named.privateKey), key)
    }
    const wrong = Buffer.from('passwort')
    assert.throws(() => readPkcs12({ container, password: wrong }), failure('failed', /does not open/))
    assert.throws(
      () => readPkcs12({ container, password, friendlyName: 'other' }),
      failure('invalid', /Friendly/),
    )
  })

test('what this server writes, it reads', () => {
  const container = writePkcs12({ privateKey: key, certificates: chain, password, friendlyName: 'alias' })
  const content = readPkcs12({ container, password })
  assert.deepEqual([Buffer.from(content.privateKey), content.certificates.length], [key, 2])
})

test('what it cannot read is refused with the reason', () => {
  assert.throws(
    () => readPkcs12({ container: bytesOf(vectors.refused['rc2'] ?? ''), password }),
    failure('unsupported', /write it with AES/),
  )
  assert.throws(
    () => readPkcs12({ container: bytesOf(vectors.refused['nomac'] ?? ''), password }),
    failure('unsupported', /no MAC/),
  )
  assert.throws(() => readPkcs12({ container: key, password }), failure('invalid', /not a PKCS#12 container/))
})

const number = (value: number) => unsigned(Buffer.of(value >> 16, value >> 8, value))

test('damage never gives another key, and iterations are bounded', () => {
  const whole = bytesOf(vectors.containers['des'] ?? '')
  for (let at = 0; at < whole.length; at += 31) {
    const container = Buffer.from(whole)
    container[at] = (container[at] ?? 0) ^ 0xff
    try {
      // Parameters that say nothing may be anything.
      assert.deepEqual(Buffer.from(readPkcs12({ container, password }).privateKey), key, String(at))
    } catch (error) {
      assert.ok(error instanceof CryptoError, String(error))
    }
    assert.throws(() => readPkcs12({ container: whole.subarray(0, at), password }), CryptoError)
  }
  const content = tagged(0, octetString(writeDer(sequence())))
  const mac = sequence(sequence(identifier('1.3.14.3.2.26'), nothing), octetString(Buffer.alloc(20)))
  const endless = writeDer(
    sequence(
      number(3),
      sequence(identifier('1.2.840.113549.1.7.1'), content),
      sequence(mac, octetString(Buffer.alloc(8)), number(pkcs12IterationsMax + 1)),
    ),
  )
  assert.throws(() => readPkcs12({ container: endless, password }), failure('invalid', /iterations/))
})
