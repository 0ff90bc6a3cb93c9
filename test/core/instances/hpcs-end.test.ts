// The severity of a root key in Hyper Protect Crypto Services rises as its end comes near, by the earlier of IBM's two dates.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hpcsEnd } from '../../../src/core/instances/hpcs-end.ts'

const at = (date: string, uri = 'hpcs://host/instance/key') =>
  hpcsEnd(uri, { nowMs: Date.parse(date), whose: 'the instance vmware', way: 'move it' })

test('it is a warning until 30 days before the earlier date, then critical, also after the end', () => {
  for (const [date, severity, says] of [
    ['2026-11-26', 'warning', /ends on 2027-03-28, in 122 days \(another page of IBM's says 2027-03-20\)/],
    ['2027-02-17', 'warning', /in 39 days/],
    ['2027-02-18', 'critical', /in 38 days/],
    ['2027-03-27T12:00:00Z', 'critical', /in 1 day /],
    ['2027-03-28', 'critical', /ended on 2027-03-28/],
    ['2031-01-01', 'critical', /ended on 2027-03-28/],
  ] as const) {
    const end = at(date)
    assert.equal(end?.severity, severity, date)
    assert.match(end?.message ?? '', says)
    assert.equal(end?.action, 'move it')
  }
})

test('a root key elsewhere has no end, Key Protect Dedicated included', () => {
  for (const uri of [
    'file:root.key',
    'keyprotect://us-south.kms.cloud.ibm.com/i/k',
    'keyprotect://i.api.us-south.kms.appdomain.cloud/i/k',
  ])
    assert.equal(at('2031-01-01', uri), null)
})
