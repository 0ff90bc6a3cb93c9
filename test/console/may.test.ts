// What the console offers, by the roles of whoever is logged in.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mayDo } from '../../console/src/may.ts'

const berlin = { id: '1', name: 'berlin' }
const person = { issuer: 'https://idp.example', subject: 'anna' }

test('a person who manages one instance and looks at all is offered to manage that one only', () => {
  const grants: Parameters<typeof mayDo>[0]['grants'] = [
    { role: 'viewer', instance: null },
    { role: 'manager', instance: berlin },
  ]
  const who = { role: 'manager', instance: null, person, grants } as const
  assert.ok(mayDo(who, 'manager', { instance: '1' }))
  assert.ok(mayDo(who, 'operator', { instance: 'berlin' }))
  assert.ok(!mayDo(who, 'operator', { instance: '2' }))
  assert.ok(!mayDo(who, 'operator', { server: true }))
  assert.ok(mayDo(who, 'viewer', { server: true }))
  assert.ok(mayDo(who, 'manager'))
})

test('a token has one role, for all instances or for one', () => {
  const token = { person: null, grants: [] }
  const all = { ...token, role: 'operator', instance: null } as const
  assert.ok(mayDo(all, 'operator', { server: true }))
  assert.ok(mayDo(all, 'operator', { instance: '2' }))
  assert.ok(!mayDo(all, 'manager'))
  const one = { ...all, instance: berlin } as const
  assert.ok(mayDo(one, 'operator', { instance: '1' }))
  assert.ok(!mayDo(one, 'viewer', { server: true }))
})
