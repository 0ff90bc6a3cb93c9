import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sameFolder } from '../../src/cli/next-steps.ts'

test('a next command gets the flags that lead to the same data folder, as a shell takes them', () => {
  assert.equal(sameFolder({}), '')
  assert.equal(sameFolder({ data: '/var/lib/mortise' }), ' --data /var/lib/mortise')
  const flags = { config: 'my mortise.toml', data: "it's" }
  assert.equal(sameFolder(flags), ` --config 'my mortise.toml' --data 'it'\\''s'`)
})
