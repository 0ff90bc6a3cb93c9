// Planted secrets: none of them is in what the rule returns, whatever stands around them, and what support needs stays.

import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Redactor } from '../../../src/features/report/redact.ts'
import { generateRsaKeys } from '../../../src/core/pki/rsa-keys.ts'
import { useStoredRsaKeys } from '../../support/certificates/rsa-keys.ts'

const passphrase = 'correct horse battery staple'

test('a planted secret is nowhere in the result', async () => {
  useStoredRsaKeys()
  const { privateKey } = await generateRsaKeys(2048)
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const bearer = `mortise_${randomBytes(32).toString('base64url')}`
  const planted: Record<string, readonly [text: string, secret: string]> = {
    passphrase: [`it was ${passphrase}, he said`, passphrase],
    'passphrase in JSON': [JSON.stringify({ note: `a "${passphrase}"` }), passphrase],
    token: [`Authorization: Bearer ${bearer}`, bearer],
    'token alone': [`failed with ${bearer}.`, bearer],
    session: ['cookie mortise-session.AbCdEf0123456789x', 'AbCdEf0123456789x'],
    'IAM token': ['got eyJraWQiOiIyMDI.eyJpYW1faWQ', 'eyJpYW1faWQ'],
    'API key': [`apikey=${'aB3'.repeat(14)}xy`, 'aB3aB3'],
    'API key in JSON': ['{"apikey": "short key with blanks"}', 'short key with blanks'],
    'password in TOML': ["password = 'two words'", 'two words'],
    'password in quoted JSON': [
      JSON.stringify({ body: JSON.stringify({ password: 'very secret' }) }),
      'very secret',
    ],
    'password in a URL': ['postgres://mortise:hunter2@db-1/mortise', 'hunter2'],
    'password with an at sign': ['postgres://mortise:geheim@hunter2@db-1/mortise', 'hunter2'],
    'password with a slash': ['"postgres://mortise:hunter2/geheim@db-1/mortise"', 'hunter2'],
    'password behind a name with an at sign': ['postgres://mortise@db-1:hunter2@db-1/mortise', 'hunter2'],
    PEM: [`before ${pem} after`, pem.split('\n')[3] ?? ''],
    'PEM in JSON': [JSON.stringify({ pem }), pem.split('\n')[3] ?? ''],
    'half a PEM': [pem.slice(0, 600), pem.split('\n')[3] ?? ''],
    'age identity': ['AGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L', 'QQPZRY9X8'],
    'a key in hex': [randomBytes(32).toString('hex'), ''],
    'a key in base64': [
      `material ${Buffer.alloc(32, 'aB3x').toString('base64')}`,
      Buffer.alloc(32, 'aB3x').toString('base64'),
    ],
    'a key of 128 bits in base64': ['material q83vEjRWeJCrze8SNFZ4kA== here', 'q83vEjRW'],
    UUID: [`key ${'0B1D7A52-7D10-4D43-A1F3-9E6E4A1B2C3D'.toLowerCase()} is gone`, '0b1d7a52'],
    'name of a key': ['cannot open "Tier 1: finance db"', 'finance'],
    'name without a word': ['the key vm-0042-kek, which', 'vm-0042'],
  }
  for (const [what, [text, secret]] of Object.entries(planted)) {
    const redactor = new Redactor([passphrase, 'abc'])
    redactor.addNames(['Tier 1: finance db', 'vm-0042-kek', 'x'])
    const redacted = redactor.redact(text)
    assert.ok(!redacted.includes(secret === '' ? text : secret), `${what}: ${redacted}`)
    assert.match(redacted, /\[[\w ]+ [0-9a-f]{8}\]/, what)
    assert.equal([...redactor.counts.values()].reduce((sum, one) => sum + one, 0) > 0, true, what)
  }
})

test('what support needs stays as it is', () => {
  const redactor = new Redactor([passphrase])
  redactor.addNames(['serving'])
  for (const text of [
    '{"level":"info","time":"2026-11-26T10:00:00.000Z","message":"stopped","afterMs":25}',
    '{"rootPassphraseFile": "/etc/mortise/passphrase", "apiKeyFile": null, "credential": {"mode": "required"}}',
    'mortise_conditions{id="root-key-not-copied",severity="warning"} 1',
    'postgres://mortise@db-1.example.com,db-2.example.com/mortise?sslmode=verify-full',
    '{"admin":"https://kms.example.com:5697/","kmip":"[::1]:5696","mail":"kms@example.com"}',
    'https://kms.example.com:5697 is told to kms@example.com',
    'Error: EADDRINUSE\n    at Server.listen (file:///usr/lib/mortise/dist/kmip-server/listener.js:41:12)',
    'observing and preserving',
    '/var/lib/Mortise2/a-long-name/of-a-folder/that-is-in-no-way-secret/mortise.db',
  ])
    assert.equal(redactor.redact(text), text)
})

test('one text has one word throughout, and another word in another bundle', () => {
  const id = randomUUID()
  const first = new Redactor([])
  const [a, b] = [first.redact(`key ${id}`), first.redact(`the key ${id} again`)]
  assert.equal(b, `the ${a} again`)
  assert.notEqual(new Redactor([]).redact(`key ${id}`), a)
})

test('whatever the text around it, a known secret and the name of a key go', () => {
  const around = fc.string({ maxLength: 40 })
  fc.assert(
    fc.property(around, around, (before, after) => {
      const redactor = new Redactor([passphrase])
      redactor.addNames(['db one'])
      const redacted = redactor.redact(`${before} ${passphrase} db one ${after}`)
      assert.ok(!redacted.includes(passphrase) && !redacted.includes(' db one '))
    }),
  )
})
