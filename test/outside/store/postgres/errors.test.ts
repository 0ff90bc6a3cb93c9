// What an error of PostgreSQL means: an outage that ends by itself or by an administrator, or a bug.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { postgresTrouble } from '../../../../src/outside/store/postgres/errors.ts'

/** As the server sends it. */
function said(code: string): Error {
  return Object.assign(new Error('so it says'), { severity: 'ERROR', code })
}

test('the code says what an error of the server means', () => {
  const meanings: readonly (readonly [string, ReturnType<typeof postgresTrouble>])[] = [
    // Session timeouts, a shutdown, a lost connection, a standby.
    ...['25P03', '25P04', '57P01', '57P03', '08006', '25006'].map((code) => [code, 'gone'] as const),
    // A disk that does not give a block, or a file.
    ...['58030', '58P01'].map((code) => [code, 'damaged'] as const),
    ...['53100', '53200'].map((code) => [code, 'full'] as const),
    ...['57014', '55P03', '40P01', '40001', '53300'].map((code) => [code, 'busy'] as const),
    ...['28P01', '28000', '3D000', '42501'].map((code) => [code, 'refused'] as const),
    // A table that is not there, a value that is there twice: bugs.
    ...['42P01', '23505', 'XX000'].map((code) => [code, null] as const),
  ]
  for (const [code, meaning] of meanings) assert.equal(postgresTrouble(said(code)), meaning, code)
})

test('an error of the system or of the driver is a lost connection', () => {
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  assert.equal(postgresTrouble(refused), 'gone')
  assert.equal(postgresTrouble(new AggregateError([refused])), 'gone')
  assert.equal(postgresTrouble(new Error('Connection terminated unexpectedly')), 'gone')
  assert.equal(postgresTrouble(new TypeError('x is undefined')), null)
  assert.equal(postgresTrouble('a text'), null)
})
