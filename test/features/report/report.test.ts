// Which actions a report has.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sectionOf } from '../../../src/features/report/report.ts'
import { auditActions } from '../../../src/core/ports/audit-actions.ts'

/** Actions that change nothing in who may do what, and fetch no key. */
const leftOut = [
  /^alert\.test$|^siem\.test$|^kmip\.refused$|^admin\.refused$|^server\.reload$|^session\.|^inventory\.|^standard-key\.|^vcenter\./,
  /^approval\.(ask|approve|refuse|cancel|end|carry-out|fail)$/,
  /^audit\.export$|^backup\.(create|read|verify)$/,
  /^certificate\.|^client\.(login|logout|log|pkcs11|endpoint-role|interop)$|^crypto\./,
  /^instance\.(constraints|rewrap|rewrap\.done)$/,
  /^key\.(?!get$|export$|undestroy$)|^data-key\./,
  /^root-key\.(unreachable|withdrawn|failing|answers)$|^server-cert\.(stage|schedule|discard|request)$/,
]

test('each action is in a section of the report, or is left out on purpose', () => {
  for (const action of Object.keys(auditActions)) {
    const isLeftOut = leftOut.some((actions) => actions.test(action))
    assert.notEqual(
      sectionOf(action) !== undefined,
      isLeftOut,
      `decide about ${action}: a section in src/features/report/report.ts, or leftOut above`,
    )
  }
})
