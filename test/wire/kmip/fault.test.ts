// The Fault for bytes that do not follow their schema.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault, faultOf, type ResultReasonName } from '../../../src/wire/kmip/fault.ts'
import { TtlvError, type TtlvErrorCode } from '../../../src/wire/ttlv/error.ts'

test('bytes that do not follow their schema are an invalid message, and single values an invalid field', () => {
  const table: Readonly<Record<TtlvErrorCode, ResultReasonName>> = {
    malformed: 'InvalidMessage',
    'too-large': 'InvalidMessage',
    'too-deep': 'InvalidMessage',
    'too-many': 'InvalidMessage',
    'wrong-tag': 'InvalidMessage',
    'wrong-type': 'InvalidMessage',
    'unknown-value': 'InvalidField',
    'unknown-field': 'InvalidField',
    'repeated-field': 'InvalidMessage',
    'missing-field': 'InvalidMessage',
  }
  for (const [code, reason] of Object.entries(table)) {
    const error = new TtlvError(code as TtlvErrorCode, 'what', { path: 'A.B', offset: 8 })
    const fault = faultOf(error)
    assert.ok(fault instanceof Fault)
    assert.deepEqual([fault.reason, fault.message, fault.cause], [reason, 'A.B: what', error])
  }
  assert.equal(new TtlvError('malformed', 'what', { path: '', offset: 0 }).message, 'what')
})
