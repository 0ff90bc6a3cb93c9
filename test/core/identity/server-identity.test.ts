// The names that a server puts into its own certificate.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificateNames } from '../../../src/core/pki/issue.ts'
import { ownNames } from '../../../src/core/identity/server-identity.ts'

test('a machine whose name no certificate can have is named without it', () => {
  assert.equal(certificateNames(ownNames('Kms-1.Example.org'))[0], 'kms-1.example.org')
  for (const name of ['(none)', '', 'a'.repeat(64), 'ends-with-'])
    assert.equal(certificateNames(ownNames(name))[0], 'localhost', name)
})
