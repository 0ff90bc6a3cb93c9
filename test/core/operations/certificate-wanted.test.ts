// How a Certify says what its certificate is to be: the kind of its request, and the parts of a subject in the order of certificates.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { certificateRequest, certifiedAttributes } from '../../../src/core/operations/certificate-wanted.ts'
import type { Context } from '../../../src/core/operations/handler.ts'
import { attributeSet, faults } from '../../support/server/core.ts'

const bytes = Buffer.from('request')

test('a certificate request has a type, which is PKCS#10 or PEM, in both of its fields', () => {
  for (const field of ['CertificateRequest', 'CertificateRequestValue'] as const) {
    for (const CertificateRequestType of ['PKCS_10', 'PEM'] as const)
      assert.equal(certificateRequest({ CertificateRequestType, [field]: bytes }), bytes)
    assert.throws(
      () => certificateRequest({ [field]: bytes }),
      faults('InvalidField', /needs the Certificate/),
    )
    assert.throws(
      () => certificateRequest({ CertificateRequestType: 'CRMF', [field]: bytes }),
      faults('FeatureNotSupported', /not CRMF/),
    )
  }
  assert.equal(certificateRequest({}), undefined)
  assert.equal(certificateRequest({ CertificateRequestType: 'CRMF' }), undefined, 'there is none')
})

const template = attributeSet({ ContactInformation: 'of the template' })
const transaction = { template: async () => template } as unknown as Context['transaction']

const wanted1 = (...attributes: readonly (readonly [string, unknown])[]) => {
  const Attribute = attributes.map(([AttributeName, AttributeValue]) => ({ AttributeName, AttributeValue }))
  const Name = [{ NameValue: 't', NameType: 'UninterpretedTextString' }]
  const request = { TemplateAttribute: { Name, Attribute } } as unknown as Request<'Certify'>
  return certifiedAttributes(request, { transaction, version: '1.4' })
}

const wanted2 = (attributes: object) => {
  const request = { Attributes: { Attribute: [], ...attributes } } as unknown as Request<'Certify'>
  return certifiedAttributes(request, { transaction, version: '2.1' })
}

const parts = {
  'Certificate Subject DN Qualifier': 'dnq',
  'Certificate Subject Email': 'mail',
  'Certificate Subject CN': 'cn',
  'Certificate Subject Serial Number': 'serial',
  'Certificate Subject UID': 'uid',
  'Certificate Subject Title': 'title',
  'Certificate Subject OU': 'ou',
  'Certificate Subject O': 'o',
  'Certificate Subject L': 'l',
  'Certificate Subject ST': 'st',
  'Certificate Subject C': 'c',
  'Certificate Subject DC': 'dc',
} as const

const inOrder = [
  ['DC', 'dc'],
  ['C', 'c'],
  ['ST', 'st'],
  ['L', 'l'],
  ['O', 'o'],
  ['OU', 'ou'],
  ['title', 'title'],
  ['UID', 'uid'],
  ['serialNumber', 'serial'],
  ['CN', 'cn'],
  ['emailAddress', 'mail'],
  ['2.5.4.46', 'dnq'],
].map(([type, value]) => ({ type, value }))

test('the parts of a subject are put in the order of certificates, and are no attributes of their own', async () => {
  const { subject, attributes } = await wanted1(...Object.entries(parts), ['Comment', 'c'])
  assert.deepEqual(subject, inOrder)
  assert.deepEqual([...attributes.keys()].toSorted(), ['Comment', 'ContactInformation'])
  const keys = Object.entries(parts).map(([name, value]) => [name.replaceAll(' ', ''), value] as const)
  const second = await wanted2({
    ...Object.fromEntries(keys.map(([key, value]) => [key, [value]])),
    Comment: 'c',
  })
  assert.deepEqual(second.subject, inOrder)
  assert.deepEqual([...second.attributes.keys()], ['Comment'])
  const twice = await wanted1(['Certificate Subject OU', 'a'], ['Certificate Subject OU', 'b'])
  assert.deepEqual(
    twice.subject.map(({ value }) => value),
    ['a', 'b'],
  )
  assert.deepEqual((await certifiedAttributes({}, { transaction, version: '2.1' })).subject, [])
})

test('a certificate is of the type X.509, whatever the version', async () => {
  assert.ok(await wanted1(['Certificate Type', 'X_509']))
  const refused = faults('FeatureNotSupported', /makes X.509/)
  await assert.rejects(wanted1(['Certificate Type', 'PGP']), refused)
  await assert.rejects(wanted2({ CertificateType: 'PGP' }), refused)
})
