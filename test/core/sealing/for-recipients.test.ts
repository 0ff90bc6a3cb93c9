// The recipients decide the form of a sealed file: age or CMS, never both. FIPS mode, which has CMS alone, is tested in
// test/real/fips.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { openCmsFile } from '../../../src/core/sealing/cms-file.ts'
import {
  createSealedFile,
  sealFor,
  shownRecipient,
  shownRecipients,
} from '../../../src/core/sealing/for-recipients.ts'
import { NoRecipient } from '../../../src/core/sealing/sealed-file.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'

test('age recipients make an age file, certificates a CMS file, and no file is for both', async () => {
  const identity = await generateX25519Identity()
  const age = await identityToRecipient(identity)
  const { certificate, privateKey } = await makeCertificate({ key: 'ec' })
  const plain = Buffer.from('a key')
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  assert.deepEqual(Buffer.from(await decrypter.decrypt(await sealFor([age], plain))), plain)
  for (const pem of [certificate.pem, `\n${certificate.pem}`])
    assert.deepEqual(openCmsFile(await sealFor([pem, certificate.pem], plain), privateKey), plain)
  for (const both of [
    [age, certificate.pem],
    [certificate.pem, age],
  ])
    await assert.rejects(createSealedFile(both), (error: unknown) => {
      assert.ok(error instanceof NoRecipient)
      assert.match(error.message, /not both/)
      return true
    })
  assert.equal(await shownRecipient(age), age)
  assert.match(await shownRecipient(certificate.pem), /^sha256:[0-9a-f]{64}$/)
})

test('a recipient is one certificate, whatever text is before it, and nothing that is given for one is repeated', async () => {
  const [one, other] = [await makeCertificate({ key: 'ec' }), await makeCertificate({ key: 'ec' })]
  const { pem } = one.certificate
  const key = one.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  const identity = await generateX25519Identity()
  const plain = Buffer.from('a key')
  assert.deepEqual(openCmsFile(await sealFor([`subject=CN = x\n${pem}`], plain), one.privateKey), plain)
  for (const wrong of [pem + other.certificate.pem, pem + key, key + pem, key, identity, 'whatever'])
    await assert.rejects(shownRecipients([wrong]), (error: unknown) => {
      assert.ok(error instanceof NoRecipient)
      assert.match(error.message, /recipient/)
      for (const line of wrong.split('\n'))
        assert.ok(line === '' || !error.message.includes(line), error.message)
      return true
    })
  assert.deepEqual(await shownRecipients([]), [])
})
