// Trust by CA depends on these: who signed whom, dates, subject filters, and whether two filters overlap.

import assert from 'node:assert/strict'
import { constants, sign } from 'node:crypto'
import { test } from 'node:test'
import { AsnConvert } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier, Certificate } from '@peculiar/asn1-x509'
import * as fc from 'fast-check'
import { basicConstraints, keyUsage } from '../../../src/core/pki/build.ts'
import { PkiError } from '../../../src/core/pki/error.ts'
import { globMatches, globsOverlap, parseGlob } from '../../../src/core/pki/match.ts'
import { issueClient } from '../../../src/core/pki/issue.ts'
import {
  checkSubjectPattern,
  filtersOverlap,
  fitsEverySubject,
  matchesSubject,
  signedBy,
  validity,
} from '../../../src/core/pki/match.ts'
import {
  clientCertificate,
  clientKinds,
  makeCertificate,
  testAuthority,
  testVmca,
} from '../../support/certificates/certificates.ts'

const vmca = (await testVmca()).certificate
const leaf = (await clientCertificate('vmca-signed')).certificate

test('a CA signed the leaves that it signed itself, and no others', async () => {
  assert.equal(signedBy(leaf.der, vmca.der), true)
  const ca = await testAuthority()
  const issued = await issueClient({ ca, commonName: 'kmipClient1', nowMs: Date.now() })
  assert.equal(signedBy(issued.certificate.der, ca.certificate.der), true)
  assert.equal(signedBy(issued.certificate.der, vmca.der), false)
  assert.equal(signedBy(leaf.der, ca.certificate.der), false)
  assert.equal(signedBy((await clientCertificate('self-signed')).certificate.der, vmca.der), false)
})

test('a certificate that only claims that CA as its issuer is not signed by it', async () => {
  const impostor = await makeCertificate({
    subject: vmca.subjectName.map(([attribute]) => [attribute?.type ?? '', attribute?.value ?? ''] as const),
    extensions: [basicConstraints(true), keyUsage('ca')],
    ownKey: true,
  })
  assert.equal(impostor.certificate.subject, vmca.subject)
  const forged = await makeCertificate({ issuer: impostor })
  assert.equal(forged.certificate.issuer, leaf.issuer)
  assert.equal(signedBy(forged.certificate.der, impostor.certificate.der), true)
  assert.equal(signedBy(forged.certificate.der, vmca.der), false)
})

test('the upper must be a CA and the lower must not', async () => {
  const below = await clientCertificate('vmca-signed-ca')
  assert.equal(signedBy(below.certificate.der, vmca.der), false, 'a CA below')
  const chained = await makeCertificate({ issuer: below })
  assert.equal(signedBy(chained.certificate.der, vmca.der), false, 'two steps')
  const noCa = await clientCertificate('self-signed')
  const byLeaf = await makeCertificate({ issuer: noCa, commonName: 'kmipClient2' })
  assert.equal(signedBy(byLeaf.certificate.der, noCa.certificate.der), false, 'no CA above')
  assert.equal(signedBy(vmca.der, vmca.der), false, 'the CA itself')
})

test('a signature with SHA-1 does not count, since it can be forged', async () => {
  const { certificate } = await clientCertificate('vmca-signed-sha-1')
  assert.equal(signedBy(certificate.der, vmca.der), false)
})

test('RSASSA-PSS counts with a hash of today, and not with SHA-1, which is the one that it leaves out', async () => {
  const [sha1, sha256] = [hashOf('2b0e03021a'), hashOf('608648016503040201')]
  for (const [hash, parameters, counts] of [
    ['sha256', `${sha256}${maskOf(sha256)}a203020120`, true],
    ['sha1', '', false],
    ['sha1', `${sha1}a203020114`, false],
  ] as const)
    assert.equal(signedBy(await signedByPss(hash, parameters), vmca.der), counts, parameters)
})

/** The parameters hashAlgorithm and maskGenAlgorithm (RFC 4055 §3.1), in hexadecimal digits. */
const hashOf = (identifier: string) => `a0${length(`30${length(`06${length(identifier)}`)}`)}`
const maskOf = (hash: string) => `a1${length(`30${length(`06092a864886f70d010108${hash.slice(4)}`)}`)}`

/** The content in hexadecimal digits, with its length in front. */
function length(content: string): string {
  return (content.length / 2).toString(16).padStart(2, '0') + content
}

/** The leaf, signed again. `parameters`: of the algorithm, in hexadecimal digits. */
async function signedByPss(hash: string, parameters: string): Promise<Buffer> {
  const certificate = AsnConvert.parse(leaf.der, Certificate)
  const algorithm = new AlgorithmIdentifier({
    algorithm: '1.2.840.113549.1.1.10',
    parameters: new Uint8Array(Buffer.from(`30${length(parameters)}`, 'hex')).buffer,
  })
  certificate.tbsCertificate.signature = algorithm
  certificate.signatureAlgorithm = algorithm
  const content = Buffer.from(AsnConvert.serialize(certificate.tbsCertificate))
  const { privateKey } = await testVmca()
  const padding = constants.RSA_PKCS1_PSS_PADDING
  const signature = sign(hash, content, { key: privateKey, padding, saltLength: hash === 'sha1' ? 20 : 32 })
  certificate.signatureValue = new Uint8Array(signature).buffer
  return Buffer.from(AsnConvert.serialize(certificate))
}

test('a changed certificate is not signed, and no bytes cause an error', () => {
  for (let at = 0; at < leaf.der.length; at += 17) {
    const changed = Buffer.from(leaf.der)
    changed[at] = (changed[at] ?? 0) ^ 1
    assert.equal(signedBy(changed, vmca.der), false, `byte ${at}`)
  }
  assert.equal(signedBy(Buffer.alloc(0), vmca.der), false)
  assert.equal(signedBy(leaf.der, Buffer.from('not a certificate')), false)
})

test('dates are those of the certificate; bytes that are not a certificate are never valid', async () => {
  for (const kind of clientKinds) {
    const { der, notBeforeMs, notAfterMs } = (await clientCertificate(kind)).certificate
    assert.deepEqual(validity(der), { notBeforeMs, notAfterMs }, kind)
  }
  assert.ok(validity((await clientCertificate('expired')).certificate.der).notAfterMs < Date.now())
  assert.ok(validity((await clientCertificate('not-yet-valid')).certificate.der).notBeforeMs > Date.now())
  const never = validity(Buffer.from('not a certificate'))
  assert.ok(never.notBeforeMs > Number.MAX_SAFE_INTEGER && never.notAfterMs < 0)
})

test('a filter is a pattern of the common name, or of several attributes', async () => {
  const { certificate } = await makeCertificate({
    subject: [
      ['DC', 'local'],
      ['DC', 'vsphere'],
      ['O', 'Fish, Chips & Co'],
      ['CN', 'kmipClient20261125094708'],
    ],
  })
  const yes = [
    'kmipClient*',
    '*',
    'kmipClient20261125094708',
    '*Client*08',
    'CN=kmipClient*',
    'cn = kmipClient*, o = Fish\\, Chips*',
    '2.5.4.3=kmipClient*',
    'DC=vsphere',
    'DC=local,DC=vsphere',
  ]
  for (const pattern of yes) assert.equal(matchesSubject(certificate.der, pattern), true, pattern)
  const no = [
    'kmipclient*',
    'kmipClient',
    'Client*',
    'CN=kmipClient*,O=Other',
    'OU=*',
    'DC=other',
    'kmipClient\\*',
  ]
  for (const pattern of no) assert.equal(matchesSubject(certificate.der, pattern), false, pattern)
})

test('a filter is not deceived by a second common name, nor by one in another attribute', async () => {
  const subjects: readonly (readonly (readonly [string, string])[])[] = [
    [
      ['CN', 'esx01'],
      ['CN', 'kmipClient1'],
    ],
    [
      ['O', 'a\nCN=kmipClient1'],
      ['CN', 'esx01'],
    ],
    [['O', 'x,CN=kmipClient1']],
    [['CN', 'kmipClient1\0.esx01']],
    [],
  ]
  for (const subject of subjects) {
    const { certificate } = await makeCertificate({ subject })
    for (const pattern of ['kmipClient*', 'CN=kmipClient*'])
      assert.equal(matchesSubject(certificate.der, pattern), false, certificate.subject)
  }
})

test('bytes that are not a certificate match no filter', () => {
  for (const bytes of [Buffer.alloc(0), Buffer.from('kmipClient1'), leaf.der.subarray(0, 100)])
    assert.equal(matchesSubject(bytes, '*'), false)
})

test('a bad pattern is refused in words', () => {
  for (const bad of [
    '',
    ' ',
    'CN=',
    'CN=a,',
    ',CN=a',
    'CN=a,,O=b',
    'CN=a,b',
    'X=a',
    'CN=a,CN=b',
    'a\u202eb',
    'a'.repeat(300),
  ])
    assert.throws(() => checkSubjectPattern(bad), PkiError, JSON.stringify(bad))
  assert.equal(checkSubjectPattern(' kmipClient* '), 'kmipClient*')
  assert.throws(() => checkSubjectPattern('X=a'), /"X=a" in the subject pattern is not understood/)
})

test('filters overlap where one subject could fit both', () => {
  const overlapping = [
    ['kmipClient*', 'kmipClient2026*'],
    ['kmipClient*', '*'],
    ['a*', '*b'],
    ['kmipClient*', 'CN=kmip*,O=Example'],
    ['kmipClient*', 'O=Example'],
    ['OU=a', 'OU=b'],
  ] as const
  for (const [a, b] of overlapping) {
    assert.equal(filtersOverlap(a, b), true, `${a} ${b}`)
    assert.equal(filtersOverlap(b, a), true, `${b} ${a}`)
  }
  const apart = [
    ['kmipClientA*', 'kmipClientB*'],
    ['a*', 'A*'],
    ['CN=kmip*,O=One', 'CN=kmip*,O=Two'],
    ['a', 'aa'],
    ['kmipClient\\*', 'kmipClient1'],
  ] as const
  for (const [a, b] of apart) {
    assert.equal(filtersOverlap(a, b), false, `${a} ${b}`)
    assert.equal(filtersOverlap(b, a), false, `${b} ${a}`)
  }
})

const shortGlob = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 5 })

test('a filter that fits every subject is recognized', () => {
  for (const every of ['*', '**', 'CN=*', ' CN = * , O = ** '])
    assert.equal(fitsEverySubject(every), true, every)
  for (const some of ['kmipClient*', '*x', '\\*', 'CN=*,O=Example'])
    assert.equal(fitsEverySubject(some), false, some)
})

test('globs match as the regular expression of the same meaning does', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 6 })
  fc.assert(
    fc.property(shortGlob, text, (glob, candidate) => {
      const expected = new RegExp(`^${glob.replaceAll('*', '.*')}$`).test(candidate)
      assert.equal(globMatches(parseGlob(glob), candidate), expected)
    }),
    { numRuns: 2_000 },
  )
})

test('globs overlap exactly if some text matches both', () => {
  // Texts long enough for any two patterns of five characters to overlap.
  const texts = ['']
  for (let at = 0; texts[at] !== undefined && (texts[at]?.length ?? 0) < 8; at++)
    texts.push(`${texts[at]}a`, `${texts[at]}b`)
  fc.assert(
    fc.property(shortGlob, shortGlob, (a, b) => {
      const [globA, globB] = [parseGlob(a), parseGlob(b)]
      const expected = texts.some((text) => globMatches(globA, text) && globMatches(globB, text))
      assert.equal(globsOverlap(globA, globB), expected, `${a} ${b}`)
    }),
    { numRuns: 100 },
  )
})

test('a pattern that is meant to be slow is not', () => {
  const start = performance.now()
  assert.equal(globMatches(parseGlob(`${'*a'.repeat(120)}b`), 'a'.repeat(1_000)), false)
  assert.ok(performance.now() - start < 2_000)
})
