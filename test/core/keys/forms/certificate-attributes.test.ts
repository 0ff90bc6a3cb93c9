// What a certificate says of itself, as attributes: in the words of each version, each part of a name by itself, and what it does
// not say left out.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificateAttributes, subjectPart } from '../../../../src/core/keys/forms/certificate-attributes.ts'
import { subjectAltNames } from '../../../../src/core/pki/build.ts'
import { makeCertificate } from '../../../support/certificates/certificates.ts'

test('subject and issuer are told whole and by their parts, without alternative names that are not there', async () => {
  const { certificate } = await makeCertificate({
    key: 'ec',
    subject: [
      ['C', 'DE'],
      ['O', 'Example'],
      ['OU', 'One'],
      ['OU', 'Two'],
      ['CN', 'leaf'],
    ],
  })
  const { attributes, algorithm, lengthBits } = certificateAttributes('X_509', certificate.der)
  const values = (key: string) => attributes.get(key)?.map(({ index, value }) => [index, value])
  for (const name of ['Subject', 'Issuer'] as const) {
    const [[, whole] = []] = values(`Certificate${name}`) ?? []
    assert.deepEqual(whole, {
      [`Certificate${name}DistinguishedName`]: 'CN=leaf,OU=Two,OU=One,O=Example,C=DE',
      [`Certificate${name}AlternativeName`]: [],
    })
    assert.deepEqual(values(`Certificate${name}OU`), [
      [0, 'One'],
      [1, 'Two'],
    ])
    assert.deepEqual(values(`Certificate${name}CN`), [[0, 'leaf']])
    assert.equal(attributes.has(`Certificate${name}L`), false)
  }
  assert.deepEqual([algorithm, lengthBits], ['EC', 256])
  assert.deepEqual(values('DigitalSignatureAlgorithm'), [[0, 'ECDSAWithSHA256']])
  assert.deepEqual(values('CertificateLength'), [[0, certificate.der.length]])
})

test('a certificate that is not X.509 has its type and its length alone', () => {
  const { attributes, ...more } = certificateAttributes('PGP', Buffer.from('not looked into'))
  assert.deepEqual(
    [...attributes].map(([key, [first]]) => [key, first?.value]),
    [
      ['CertificateType', 'PGP'],
      ['CertificateLength', 15],
    ],
  )
  assert.deepEqual(more, {})
})

test('each part of a subject has its attribute, and other attributes are of none', () => {
  for (const [key, type] of [
    ['CertificateSubjectCN', 'CN'],
    ['CertificateSubjectEmail', 'emailAddress'],
    ['CertificateSubjectSerialNumber', 'serialNumber'],
    ['CertificateSubjectTitle', 'title'],
    ['CertificateSubjectDNQualifier', '2.5.4.46'],
    ['CertificateIssuerCN', undefined],
    ['CertificateSubject', undefined],
    ['Comment', undefined],
  ] as const)
    assert.equal(subjectPart(key), type, key)
})

test('alternative names are told, as bytes of their own', async () => {
  const { certificate } = await makeCertificate({
    key: 'ec',
    commonName: 'named',
    extensions: [subjectAltNames(['DNS:db.example'])],
  })
  const der = Buffer.from(certificate.der)
  const { attributes } = certificateAttributes('X_509', der)
  der.fill(0)
  const [subject] = attributes.get('X_509CertificateSubject') ?? []
  const { SubjectAlternativeName: names = [] } = (subject?.value ?? {}) as {
    readonly SubjectAlternativeName?: readonly Buffer[]
  }
  assert.equal(names.length, 1)
  assert.ok(names[0]?.includes('db.example'))
})

test('a certificate for a key of an algorithm that is not known has the rest of its attributes', async () => {
  const { certificate } = await makeCertificate({ key: 'ec', commonName: 'unknown' })
  const der = Buffer.from(certificate.der)
  // The identifier of keys on curves, 1.2.840.10045.2.1, becomes another one.
  const at = der.indexOf(Buffer.from('2a8648ce3d0201', 'hex'))
  der[at + 6] = 9
  const { attributes, algorithm, algorithms, lengthBits } = certificateAttributes('X_509', der)
  assert.deepEqual([algorithm, algorithms, lengthBits], [undefined, undefined, undefined])
  assert.equal(attributes.get('CertificateSubjectCN')?.[0]?.value, 'unknown')
})
