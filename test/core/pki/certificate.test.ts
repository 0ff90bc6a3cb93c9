// Strangers' certificates (design: invariant 9): whatever the bytes, reading one ends in bounded time with a
// certificate or a PkiError, and a certificate is never read in part.

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { AsnConvert } from '@peculiar/asn1-schema'
import { Name } from '@peculiar/asn1-x509'
import * as fc from 'fast-check'
import { basicConstraints, extendedKeyUsage } from '../../../src/core/pki/build.ts'
import { certificateOrNull, parseCertificate } from '../../../src/core/pki/certificate.ts'
import { PkiError } from '../../../src/core/pki/error.ts'
import { matchesSubject, sameAuthority, signedBy, validity } from '../../../src/core/pki/match.ts'
import { checkServerChain } from '../../../src/core/pki/server-chain.ts'
import { readName } from '../../../src/core/pki/subject.ts'
import {
  clientCertificate,
  clientKinds,
  makeCertificate,
  makeName,
  testVmca,
} from '../../support/certificates/certificates.ts'
import * as der from '../../support/certificates/der-certificates.ts'
import {
  certificateAround,
  certificateWithoutKey,
  unreadableCertificates,
} from '../../support/certificates/hostile-certificates.ts'

const vmca = (await testVmca()).certificate
const leaf = (await clientCertificate('vmca-signed')).certificate

for (const [what, { der: bytes }] of [
  ...unreadableCertificates(),
  ['a key of no kind', certificateWithoutKey()] as const,
])
  test(`cannot be read: ${what}`, () => {
    assert.doesNotThrow(() => new X509Certificate(bytes), 'OpenSSL takes it')
    assert.equal(certificateOrNull(bytes), null)
    assert.throws(() => parseCertificate(bytes), PkiError)
  })

test('invalid dates are reported, not read as a random moment', () => {
  // Node reads such a date from uninitialized memory: mostly NaN, but not always.
  for (let round = 0; round < 50; round++)
    for (const end of ['xxxxxxxxxxxxx', '260231000000Z', '261301000000Z', '100000101000000Z']) {
      const made = der.writeCertificate({ validity: der.validity('260101000000Z', end) })
      assert.throws(() => parseCertificate(made.der), /The dates of this certificate cannot be read/)
      assert.deepEqual(validity(made.der), { notBeforeMs: Infinity, notAfterMs: -Infinity })
    }
})

test('the longest allowed dates and names are read', () => {
  const values = Array.from({ length: 64 }, (_, number) => der.element(0x0c, Buffer.from(String(number))))
  const made = der.writeCertificate({
    subject: der.name(values),
    validity: der.validity('00000101000000Z', '99991231235959Z'),
  })
  const { subjectName, notBeforeMs, notAfterMs } = parseCertificate(made.der)
  assert.equal(subjectName.length, 64)
  assert.equal(new Date(notBeforeMs).toISOString(), '0000-01-01T00:00:00.000Z')
  assert.equal(new Date(notAfterMs).toISOString(), '9999-12-31T23:59:59.000Z')
})

test('a certificate that contains another one as text is not read as that one', () => {
  const around = certificateAround(leaf)
  assert.equal(new X509Certificate(around.der).subject, 'CN=kmipClient20261125094708', 'Node takes it for it')
  assert.throws(() => parseCertificate(around.der), PkiError)
  assert.equal(signedBy(around.der, vmca.der), false)
  assert.equal(signedBy(leaf.der, certificateAround(vmca).der), false)
  assert.equal(sameAuthority(certificateAround(vmca).der, vmca.der), false)
  assert.ok(validity(around.der).notAfterMs < 0)
})

test('names are read as an ASN.1 library reads them', () => {
  const type = fc.constantFrom(
    'CN',
    'O',
    'OU',
    'DC',
    '1.2.840.113549.1.9.1',
    '2.999.3',
    '1.3.6.1.4.1.99999.1',
  )
  const value = fc.string({ unit: 'grapheme', maxLength: 20 })
  const subjects = fc.array(fc.tuple(type, value), { maxLength: 20 })
  fc.assert(
    fc.property(subjects, (subject) => {
      const bytes = Buffer.from(AsnConvert.serialize(makeName(subject)))
      const theirs = [...AsnConvert.parse(bytes, Name)].map((part) =>
        [...part].map(({ value: one }) => one.toString()),
      )
      assert.deepEqual(
        readName(bytes).map((part) => part.map((one) => one.value)),
        theirs,
      )
    }),
  )
  const kinds: readonly (readonly [number, string, Buffer])[] = [
    [0x13, 'Printable', Buffer.from('Printable')],
    [0x14, 'M\u00fcnchen', Buffer.from('M\u00fcnchen', 'latin1')],
    [0x16, 'a@example.test', Buffer.from('a@example.test')],
    [0x1c, 'A\u{1f511}', Buffer.from('000000410001f511', 'hex')],
    [0x1e, 'A\u00fc', Buffer.from('004100fc', 'hex')],
    [0x03, '#030200ff', Buffer.from('00ff', 'hex')],
  ]
  for (const [tag, expected, content] of kinds) {
    const [part] = readName(der.name([der.element(tag, content)]))
    assert.deepEqual(part, [{ type: 'CN', value: expected }])
  }
})

// ---------------------------------------------------------------- mutations

const originals = [
  ...(await Promise.all(clientKinds.map(async (kind) => (await clientCertificate(kind)).certificate.der))),
  vmca.der,
  (await makeCertificate({ extensions: [basicConstraints(false), extendedKeyUsage('clientAuth')] }))
    .certificate.der,
  ...[...unreadableCertificates().values()].map(({ der: bytes }) => bytes),
].map((bytes) => Buffer.from(bytes))

interface Place {
  readonly at: number
  readonly contentAt: number
  readonly endAt: number
}

/** The positions of its elements, outer ones first: what a careful attacker would change. */
function elementsIn(bytes: Buffer): readonly Place[] {
  const found: Place[] = []
  const ranges: { at: number; to: number }[] = [{ at: 0, to: bytes.length }]
  for (let range = ranges.shift(); range && found.length < 500; range = ranges.shift()) {
    const { at, to } = range
    const first = bytes[at + 1] ?? 0
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f
    const contentAt = at + 2 + lengthBytes
    if (lengthBytes > 3 || contentAt > to) continue
    const endAt = contentAt + (lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes))
    if (endAt > to) continue
    found.push({ at, contentAt, endAt })
    if (((bytes[at] ?? 0) & 0x20) !== 0 && contentAt < endAt) ranges.push({ at: contentAt, to: endAt })
    if (endAt < to) ranges.push({ at: endAt, to })
  }
  return found
}

type Mutation = (bytes: Buffer, seed: number) => Buffer
const mutations: readonly Mutation[] = [
  (bytes, seed) => changed(bytes, seed % bytes.length, (seed >> 8) & 0xff),
  (bytes, seed) => changed(bytes, seed % bytes.length, (bytes[seed % bytes.length] ?? 0) ^ (1 << (seed % 8))),
  (bytes, seed) => bytes.subarray(0, seed % bytes.length),
  // Another tag, another length, empty, doubled, wrapped many times, replaced by one from elsewhere.
  (bytes, seed) => changed(bytes, pick(bytes, seed).at, (seed >> 10) & 0xff),
  (bytes, seed) => changed(bytes, pick(bytes, seed).at + 1, (seed >> 10) & 0xff),
  (bytes, seed) => spliced(bytes, pick(bytes, seed), Buffer.alloc(0)),
  (bytes, seed) => {
    const one = pick(bytes, seed)
    const whole = bytes.subarray(one.at, one.endAt)
    return spliced(bytes, one, Buffer.concat(Array.from({ length: 1 + (seed % 40) }, () => whole)))
  },
  (bytes, seed) => spliced(bytes, pick(bytes, seed), der.nested(0x30, seed % 400)),
  (bytes, seed) => {
    const other = originals[seed % originals.length] ?? bytes
    const from = pick(other, seed >> 3)
    return spliced(bytes, pick(bytes, seed), other.subarray(from.at, from.endAt))
  },
]

function pick(bytes: Buffer, seed: number): Place {
  const all = elementsIn(bytes)
  return all[seed % Math.max(1, all.length)] ?? { at: 0, contentAt: 0, endAt: bytes.length }
}

function changed(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = value
  return copy
}

/** The certificate with another element in its place. The lengths of all enclosing elements are corrected. */
function spliced(bytes: Buffer, target: Place, by: Buffer): Buffer {
  const holding = elementsIn(bytes).filter(
    ({ contentAt, endAt }) => contentAt <= target.at && target.endAt <= endAt,
  )
  let inner = by
  let { at, endAt } = target
  for (const one of holding.toSorted((a, b) => b.contentAt - a.contentAt)) {
    const content = Buffer.concat([
      bytes.subarray(one.contentAt, at),
      inner,
      bytes.subarray(endAt, one.endAt),
    ])
    inner = der.element(bytes[one.at] ?? 0x30, content)
    ;({ at, endAt } = one)
  }
  return inner
}

const seed = fc.nat(0x7fffffff)
const mutated = fc
  .tuple(
    fc.constantFrom(...originals),
    fc.array(fc.tuple(fc.nat(mutations.length - 1), seed), { minLength: 1, maxLength: 3 }),
  )
  .map(([original, steps]) =>
    steps.reduce<Buffer>((bytes, [which, how]) => {
      const next = mutations[which]?.(bytes, how) ?? bytes
      return next.length === 0 || next.length > 60_000 ? bytes : next
    }, original),
  )

/** Everything that the server and the command line ask about a certificate's bytes. */
function askEverything(bytes: Buffer): void {
  const read = certificateOrNull(bytes)
  if (read) {
    assert.ok(bytes.equals(read.der), 'all of the bytes, and nothing else')
    for (const ms of [read.notBeforeMs, read.notAfterMs])
      assert.match(new Date(ms).toISOString(), /^\d{4}-/, 'a date that can be shown')
    assert.doesNotMatch(read.subject + read.issuer, /[\p{C}\p{Zl}\p{Zp}]/u)
    assert.deepEqual(validity(bytes), { notBeforeMs: read.notBeforeMs, notAfterMs: read.notAfterMs })
  }
  validity(bytes)
  matchesSubject(bytes, 'kmipClient*')
  if (signedBy(bytes, vmca.der))
    assert.ok(read && originals.some((one) => one.equals(bytes)), 'only what it signed')
  signedBy(leaf.der, bytes)
  sameAuthority(bytes, vmca.der)
  onlyPkiErrors(() => checkServerChain(bytes, { owners: [], fromMs: Date.now() }))
  onlyPkiErrors(() => parseCertificate(bytes))
}

function onlyPkiErrors(read: () => unknown): void {
  try {
    read()
  } catch (error) {
    assert.ok(error instanceof PkiError, String(error))
  }
}

/** Processor time, since the machine may be busy with other work. */
function cpuMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

test('any change of a real certificate causes only a PkiError, and takes little time', () => {
  let slowestMs = 0
  fc.assert(
    fc.property(mutated, (bytes) => {
      slowestMs = Math.max(
        slowestMs,
        cpuMs(() => askEverything(bytes)),
      )
    }),
    { numRuns: 200 },
  )
  assert.ok(slowestMs < 1_000, `${slowestMs} ms`)
})

test('the largest certificate that is read takes little time', () => {
  for (const [what, { der: bytes }] of unreadableCertificates()) {
    const spentMs = cpuMs(() => {
      for (let times = 0; times < 20; times++) certificateOrNull(bytes)
    })
    assert.ok(spentMs < 1_000, what)
  }
})
