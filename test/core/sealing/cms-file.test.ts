// Files for recipients with certificates. openssl opens them in test/real/fips.

import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createCmsFile, fingerprintOf, openCmsFile } from '../../../src/core/sealing/cms-file.ts'
import { NoRecipient } from '../../../src/core/sealing/sealed-file.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'

const rsa = await makeCertificate({ ownKey: true })
const ec = await makeCertificate({ key: 'ec', ownKey: true })
const stranger = await makeCertificate({ key: 'ec', ownKey: true, commonName: 'stranger' })
const recipients = [rsa.certificate.pem, ec.certificate.pem]

function sealed(...pieces: readonly Uint8Array[]): Buffer {
  const file = createCmsFile(recipients)
  return Buffer.concat([file.head, ...pieces.flatMap((piece) => file.write(piece)), file.end()])
}

test('what is sealed opens as it was, for each recipient and nobody else', () => {
  for (const length of [0, 1, 64 * 1024, 200_000]) {
    const plain = randomBytes(length)
    const file = sealed(plain.subarray(0, 50), plain.subarray(50))
    for (const { privateKey } of [rsa, ec]) assert.deepEqual(openCmsFile(file, privateKey), plain)
    assert.equal(openCmsFile(file, stranger.privateKey), undefined)
  }
})

function opens(bytes: Buffer): Buffer | undefined {
  try {
    return openCmsFile(bytes, ec.privateKey)
  } catch {
    return undefined
  }
}

test('a file that was changed or cut off anywhere does not open', () => {
  const plain = randomBytes(100)
  const file = sealed(plain)
  // Behind the last tag there are only ends of contents.
  for (let at = 0; at < file.length - 6; at += 1) {
    assert.equal(opens(file.subarray(0, at)), undefined, `cut off at ${at}`)
    const changed = Buffer.from(file)
    changed[at] = (changed[at] ?? 0) ^ 1
    // A name or a serial number of a recipient only helps others to find theirs.
    const found = opens(changed)
    assert.ok(found === undefined || found.equals(plain), `changed at ${at}`)
  }
})

test('what is no recipient is refused with a reason', async () => {
  const small = await makeCertificate({ key: 'rsa-1024', ownKey: true })
  const otherCurve = await makeCertificate({ keyPair: generateKeyPairSync('ec', { namedCurve: 'P-384' }) })
  for (const { certificate } of [small, otherCurve])
    assert.throws(() => createCmsFile([certificate.pem]), NoRecipient)
  assert.throws(() => createCmsFile(['-----BEGIN CERTIFICATE-----\nnonsense']), /give it in PEM/)
  assert.match(fingerprintOf(rsa.certificate.pem), /^sha256:[0-9a-f]{64}$/)
})
