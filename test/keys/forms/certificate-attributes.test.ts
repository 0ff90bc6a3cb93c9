// What a certificate says of itself, as attributes: in the words of each version, each part of a name by itself, and what it does
// not say left out.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificateAttributes } from '../../../src/keys/forms/certificate-attributes.ts'
import { makeCertificate } from '../../support/certificates.ts'

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
