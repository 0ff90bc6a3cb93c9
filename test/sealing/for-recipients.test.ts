// The recipients decide the form of a sealed file: age or CMS, never both. FIPS mode, which has CMS alone, is tested in
// test/real/fips.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { openCmsFile } from '../../src/sealing/cms-file.ts'
import { createSealedFile, sealFor, shownRecipient } from '../../src/sealing/for-recipients.ts'
import { NoRecipient } from '../../src/sealing/sealed-file.ts'
import { makeCertificate } from '../support/certificates.ts'

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
