// The hash of a client's password: scrypt, or PBKDF2 as FIPS mode makes it, which is checked in either mode.

import assert from 'node:assert/strict'
import { pbkdf2Sync } from 'node:crypto'
import { test } from 'node:test'
import { fipsMode } from '../../../src/base/fips.ts'
import { canCheck, hashCredential, matchesCredential } from '../../../src/core/trust/credential.ts'
import type { Credential } from '../../../src/core/trust/rows.ts'

const salt = Buffer.alloc(16, 7)
const byPbkdf2: Credential = {
  mode: 'required',
  userName: 'vcenter',
  hash: pbkdf2Sync('right', salt, 210_000, 32, 'sha512').toString('base64'),
  salt: salt.toString('base64'),
  kdf: 'pbkdf2',
  cost: 210_000,
}

test('a password under PBKDF2 is checked', async () => {
  assert.ok(canCheck(byPbkdf2))
  assert.equal(await matchesCredential(byPbkdf2, 'vcenter', 'right'), true)
  assert.equal(await matchesCredential(byPbkdf2, 'vcenter', 'wrong'), false)
  assert.equal(await matchesCredential(byPbkdf2, 'other', 'right'), false)
})

test('a new password is hashed as the mode has it, and trailing NULs count', async () => {
  const made = await hashCredential('when-sent', 'vcenter', 'right\0')
  assert.equal(made.kdf, fipsMode ? 'pbkdf2' : undefined)
  assert.equal(await matchesCredential(made, 'vcenter', 'right\0'), true)
  assert.equal(await matchesCredential(made, 'vcenter', 'right'), false)
  // What scrypt hashed cannot be checked in FIPS mode.
  const { kdf: _, ...byScrypt } = made
  assert.equal(canCheck(byScrypt), !fipsMode)
})
