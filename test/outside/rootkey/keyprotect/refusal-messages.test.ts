// What an administrator reads of a refusal by Key Protect: the reason that the service has, or the role that is missing.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainRefusal } from '../../../../src/outside/rootkey/keyprotect/refusal-messages.ts'

const refused = {
  target: { scheme: 'keyprotect', host: 'us-south.kms.cloud.ibm.com', instance: 'guid' },
  call: 'create',
  key: undefined,
  keyRing: undefined,
  subject: 'ServiceId-1',
  correlationId: 'c',
  admitted: true,
} as const

function says(status: number, code: string, message: string): string {
  return explainRefusal({ ...refused, refusal: { status, code, message } })
}

for (const status of [401, 403])
  test(`HTTP ${status} names a missing role, unless the service has a reason of its own`, () => {
    for (const [code, message] of [
      ['', 'Unauthorized: The user does not have access to the specified resource'],
      ['UNAUTHORIZED_ERR', 'Unauthorized'],
    ] as const)
      assert.match(says(status, code, message), /ServiceId-1.* may not make standard keys.*role Writer/)
    const own = says(status, 'FEATURE_RESTRICTED_ERR', 'this feature is not available')
    assert.match(own, /refuses to make standard keys: this feature is not available \(HTTP 40\d, FEATURE_/)
    assert.doesNotMatch(own, /role/)
  })
