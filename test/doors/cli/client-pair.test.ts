// The client certificate and key of a command: found in whatever company they come; a wrong file is named with what it holds.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { readAuthority, readClientPair } from '../../../src/doors/cli/client-pair.ts'
import { CommandError, type World } from '../../../src/doors/cli/world.ts'
import { issueClient, makeAuthority, privateKeyPem } from '../../../src/core/pki/issue.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-pair-'))
const world = { stdin: process.stdin, stderr: process.stderr } as unknown as World
const nowMs = Date.now()
const pem = { ca: '', cert: '', key: '', otherKey: '', locked: '', oldLocked: '' }

before(async () => {
  const ca = await makeAuthority({ commonName: 'Old CA', nowMs })
  const { certificate, privateKey } = await issueClient({ ca, commonName: 'adopter', nowMs })
  const other = await issueClient({ ca, commonName: 'other', nowMs })
  const passphrase = { format: 'pem', cipher: 'aes-256-cbc', passphrase: 'abcd' } as const
  Object.assign(pem, {
    ca: ca.certificate.pem,
    cert: certificate.pem,
    key: privateKeyPem(privateKey).toString(),
    otherKey: privateKeyPem(other.privateKey).toString(),
    locked: privateKey.export({ type: 'pkcs8', ...passphrase }).toString(),
    oldLocked: privateKey.export({ type: 'pkcs1', ...passphrase }).toString(),
  })
})
after(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function file(content: string | Uint8Array): string {
  const name = path.join(folder, `file ${++files}`)
  writeFileSync(name, content)
  return name
}

const read = (cert: string, key: string) => readClientPair(world, file(cert), file(key))

test('certificate and key are found in any order and company', async () => {
  const { ca, cert, key } = pem
  for (const [certText, keyText] of [
    [cert, key],
    [cert + key, cert + key],
    [key + cert, key + cert],
    [ca + cert, key],
    [
      `\uFEFFBag Attributes\r\n${cert.replaceAll('\n', '\r\n')}`,
      `Bag Attributes\r\n${key.replaceAll('\n', '\r\n')}`,
    ],
  ] as const) {
    const pair = await read(certText, keyText)
    assert.ok(pair.cert.replaceAll('\r', '').startsWith(cert.trim()), 'its own certificate comes first')
    assert.equal(pair.key.toString().replaceAll('\r', '').trim(), key.trim(), 'nothing but the key')
  }
})

test('a wrong file is named, with what it holds and what to do', async () => {
  const { cert, key, otherKey, locked, oldLocked } = pem
  const request = '-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n'
  const der = Buffer.from([0x30, 0x82, 0x01, 0x00, 0x02])
  for (const [certText, keyText, message, hint] of [
    [key, cert, /the two files are swapped/, /as the key/],
    [cert, otherKey, /does not belong to the certificate in .*CN=adopter/, /made with/],
    [cert, locked, /protected by a passphrase/, /openssl pkey -in '.*' -out/],
    [cert, oldLocked, /protected by a passphrase/, /openssl pkey -in '.*' -out/],
    [cert, cert, /file \d+ holds a certificate, and no private key/, /swapped/],
    [request, key, /holds a certificate request, and no certificate/, /BEGIN CERTIFICATE/],
    [cert, '', /holds nothing, and no private key/, /BEGIN PRIVATE KEY/],
    [cert, key.slice(0, 90), /is cut off/, /last line/],
    [cert, der, /binary data/, /openssl pkcs12 -in '.*' -nodes/],
    [der, key, /cannot be read/, /openssl pkcs12 -in '.*' -nodes/],
  ] as const)
    await assert.rejects(readClientPair(world, file(certText), file(keyText)), (error) => {
      assert.ok(error instanceof CommandError)
      assert.match(error.message, message)
      assert.match(String(error.hint), hint)
      assert.ok(!`${error.message} ${error.hint}`.includes(key.split('\n')[1] ?? ''), 'nothing of the key')
      return true
    })
})

test('what is no CA is not taken for one', async () => {
  assert.equal((await readAuthority(world, file(pem.ca))).trim(), pem.ca.trim())
  await assert.rejects(readAuthority(world, file(pem.cert)), /no certificate of a CA, but that of CN=adopter/)
  await assert.rejects(readAuthority(world, file(pem.key)), /holds a private key, and no certificate/)
})
