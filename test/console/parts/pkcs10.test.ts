// Certificate requests as the console makes them, by WebCrypto, read as the server reads them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificateRequest, element, pem } from '../../../console/src/parts/pkcs10.ts'
import { readRequest } from '../../../src/core/pki/request.ts'

const algorithm = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: Uint8Array.of(1, 0, 1),
} as const

test('the server takes the request, with names of every kind', async () => {
  const { subtle } = globalThis.crypto
  const pair = await subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const publicKey = new Uint8Array(await subtle.exportKey('spki', pair.publicKey))
  const sign = (bytes: Uint8Array<ArrayBuffer>) => subtle.sign(algorithm.name, pair.privateKey, bytes)
  for (const name of ['vcenter-1', 'Zürich "site", O=other', '𝔵'.repeat(200)]) {
    const request = pem('CERTIFICATE REQUEST', await certificateRequest(name, publicKey, sign))
    const { subject, publicKey: read, extensions } = await readRequest(request)
    assert.equal(subject[0]?.[0]?.value.toString(), Array.from(name).slice(0, 64).join(''))
    assert.deepEqual(new Uint8Array(read.export({ type: 'spki', format: 'der' })), publicKey)
    assert.equal(extensions.length, 0)
  }
})

test('a request whose signature is of something else is refused', async () => {
  const { subtle } = globalThis.crypto
  const pair = await subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const publicKey = new Uint8Array(await subtle.exportKey('spki', pair.publicKey))
  const der = await certificateRequest('vcenter-1', publicKey, () =>
    subtle.sign(algorithm.name, pair.privateKey, Uint8Array.of(1)),
  )
  await assert.rejects(readRequest(der), /signature of the certificate request is not good/)
})

test('lengths take as few bytes as DER wants', () => {
  const heads = [0, 0x7f, 0x80, 0xff, 0x100, 0x1_0000].map((length) => {
    const bytes = element(0x04, new Uint8Array(length))
    return [...bytes.subarray(1, bytes.length - length)]
  })
  assert.deepEqual(heads, [[0], [0x7f], [0x81, 0x80], [0x81, 0xff], [0x82, 1, 0], [0x83, 1, 0, 0]])
})
