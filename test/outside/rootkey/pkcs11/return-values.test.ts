// What a module's return values mean for whoever uses the root key.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pkcs11Error } from '../../../../src/outside/rootkey/pkcs11/return-values.ts'

const of = (value: number) => new Pkcs11Error('C_Decrypt', value)

test('a refusal of the PIN is a refusal, which is not tried again', () => {
  for (const value of [0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0x102]) {
    const { reach, refusesPin, lost } = of(value)
    assert.deepEqual({ reach, refusesPin, lost }, { reach: 'root-key', refusesPin: true, lost: false })
  }
  assert.equal(of(0x30).refusesPin, false)
})

test('a token that has gone is an outage, and another process may find it', () => {
  for (const value of [0x03, 0x32, 0x60, 0x82, 0xb0, 0xb3, 0xe0, 0xe1, 0xf0, 0x101, 0x113, 0x190]) {
    const { reach, lost } = of(value)
    assert.deepEqual({ reach, lost }, { reach: 'unreachable', lost: true }, value.toString(16))
  }
})

test('faults, and what only a vendor knows, are outages and never refusals', () => {
  for (const value of [0x02, 0x05, 0x06, 0x07, 0x30, 0x31, 0xb1, 0x1234, 0x8000_0001, 0xffff_ffff])
    assert.equal(of(value).reach, 'unreachable', value.toString(16))
})

test('a no to what was sealed concerns that alone', () => {
  for (const value of [0x20, 0x21, 0x40, 0x41, 0x110, 0x112]) {
    assert.equal(of(value).reach, 'wrapped-form')
    assert.equal(of(value).altered, true)
  }
})

test('a key that may not be used so, or a mechanism that is not allowed, is a refusal', () => {
  for (const value of [0x1b, 0x54, 0x62, 0x63, 0x68, 0x70, 0x71]) assert.equal(of(value).reach, 'root-key')
})

test('the message has the name of the value, and what it means where Mortise knows it', () => {
  assert.equal(of(0xa4).message, 'the PIN is locked, after too many wrong ones (C_Decrypt: CKR_PIN_LOCKED)')
  assert.equal(of(0x30).message, 'the token answers C_Decrypt with CKR_DEVICE_ERROR')
  assert.equal(of(0x8000_0001).message, 'the token answers C_Decrypt with 0x80000001')
})
