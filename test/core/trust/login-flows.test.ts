// A login that was begun: who made its text, how long it counts, and that its secrets belong to it alone.

import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { loginMs } from '../../../src/base/bounds.ts'
import { MacKey } from '../../../src/core/sealing/mac-key.ts'
import { LoginFlows } from '../../../src/core/trust/login-flows.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

function make(keyByte = 1, clock = new MovableClock()) {
  return {
    clock,
    flows: new LoginFlows({ macs: new MacKey(createSecretKey(Buffer.alloc(32, keyByte))), clock }),
  }
}
const flow = {
  through: 'console',
  redirectUri: 'https://kms.example/login/callback',
  deviceCode: null,
} as const

test('a text is read by every node with the same key, for its time, and by no other server', () => {
  const { flows, clock } = make()
  const text = flows.begin(flow)
  assert.deepEqual(make(1, clock).flows.read(text), flow)
  assert.equal(make(2, clock).flows.read(text), undefined)
  for (const wrong of ['', '.', text.split('.')[0] ?? '', `${text}x.y`, `x${text}`])
    assert.equal(flows.read(wrong), undefined, wrong)
  clock.pass(loginMs - 1)
  assert.ok(flows.read(text))
  clock.pass(1)
  assert.equal(flows.read(text), undefined)
})

test('each login has secrets of its own, which say nothing of each other', () => {
  const { flows } = make()
  const [one, other] = [flows.begin(flow), flows.begin(flow)]
  assert.notEqual(one, other)
  const all = [...Object.values(flows.secretsOf(one)), ...Object.values(flows.secretsOf(other))]
  assert.equal(new Set(all).size, 6)
  // RFC 7636 §4.1: a verifier has 43 characters at least.
  for (const secret of all) assert.match(secret, /^[\w-]{43}$/)
  assert.deepEqual(make().flows.secretsOf(one), flows.secretsOf(one))
  assert.ok(!all.some((secret) => one.includes(secret)))
})
