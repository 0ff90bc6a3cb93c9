// How a refusal of a computation is answered: each kind has its reason, and any other error stays what it is.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CryptoError } from '../../../../src/core/crypto/error.ts'
import { faultOf, withFaults } from '../../../../src/core/keys/transaction/crypto-fault.ts'
import { faults } from '../../../support/server/core.ts'

test('each kind has the reason that clients know, the same text, and its cause', async () => {
  for (const [kind, reason] of [
    ['busy', 'GeneralFailure'],
    ['lost', 'GeneralFailure'],
    ['unsupported', 'UnsupportedCryptographicParameters'],
    ['invalid', 'BadCryptographicParameters'],
    ['no-iv', 'InvalidMessage'],
    ['tag-length', 'GeneralFailure'],
    ['no-stream', 'InvalidCorrelationValue'],
    ['left', 'OperationCanceledByRequester'],
    ['failed', 'CryptographicFailure'],
  ] as const) {
    const error = new CryptoError(kind, 'it cannot be done')
    const fault = faultOf(error)
    faults(reason, /^it cannot be done$/)(fault)
    assert.equal((fault as Error).cause, error)
    await assert.rejects(withFaults(Promise.reject(error)), faults(reason))
  }
  const bug = new TypeError('a bug')
  assert.equal(faultOf(bug), bug)
  assert.equal(await withFaults(Promise.resolve(7)), 7)
})
