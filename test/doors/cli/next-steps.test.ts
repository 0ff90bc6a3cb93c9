import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sameServer } from '../../../src/doors/cli/next-steps.ts'

test('a next command gets the flags that lead to the same server, as a shell takes them', () => {
  assert.equal(sameServer({}), '')
  assert.equal(sameServer({ data: '/var/lib/mortise' }), ' --data /var/lib/mortise')
  const flags = { config: 'my mortise.toml', data: "it's" }
  assert.equal(sameServer(flags), ` --config 'my mortise.toml' --data 'it'\\''s'`)
  const elsewhere = { admin: 'https://kms:5697', tokenFile: 'alice.token', adminCa: 'ca.pem' }
  assert.equal(sameServer(elsewhere), ' --admin https://kms:5697 --token-file alice.token --admin-ca ca.pem')
})
