// The last line of a simulation: all is well only if all was played.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reportText } from '../../../src/tools/commands/simulate-text.ts'
import { sumUp } from '../../../src/tools/vsphere/report.ts'
import { RunLog } from '../../../src/tools/vsphere/run-log.ts'

const about = { server: ['kms:5696'], profile: '8.0.1', seed: 1, hosts: 1, vms: 1 } as const
const none = { interrupted: false, scenarios: [], expected: null, keys: [] } as const

test('a run that was interrupted is not said to have shown that all is well', () => {
  const log = new RunLog()
  const whole = sumUp(log, { ...about, ...none })
  assert.match(reportText(whole), /\nAll is as vSphere needs it\.\n$/)
  const part = sumUp(log, { ...about, ...none, interrupted: true })
  assert.equal(part.ok, false)
  assert.doesNotMatch(reportText(part), /as vSphere needs/)
  log.violation('Get', 'the key is all zeros')
  const faulty = sumUp(log, { ...about, ...none, interrupted: true })
  assert.match(reportText(faulty), /\nNOT all is as vSphere needs it/)
})
