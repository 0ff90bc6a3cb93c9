// Values in pieces from one thread to another.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { whole } from '../../../src/base/parts.ts'
import { receivedPieces, sendPieces } from '../../../src/doors/http/value-pieces.ts'

const list = (length: number) => Array.from({ length }, (_, number) => ({ number, name: `n${number}` }))
const record = (length: number) => Object.fromEntries(list(length).map(({ name, number }) => [name, number]))

function partsOf(value: unknown): { readonly result: unknown; readonly parts: number } {
  const { port1, port2 } = new MessageChannel()
  sendPieces(port1, value)
  const pieces = receivedPieces(port2)
  let parts = 0
  for (;;) {
    const { done, value: result } = pieces.next()
    if (done) return { result, parts }
    parts += 1
  }
}

for (const [name, { value, parts }] of Object.entries({
  'a text': { value: 'text', parts: 1 },
  nothing: { value: undefined, parts: 1 },
  'a short list': { value: list(500), parts: 1 },
  'a long list': { value: list(501), parts: 3 },
  'a long record': { value: record(1_201), parts: 4 },
  'long ones beside short ones': {
    value: { a: list(1_000), b: { c: record(1_000), d: null, e: undefined }, f: [], g: list(2) },
    parts: 5,
  },
  'fields with names of numbers': { value: { 7: list(501) }, parts: 3 },
}))
  test(`${name} arrives as it was sent, in ${parts} pieces`, () => {
    const received = partsOf(value)
    assert.deepEqual(received.result, value)
    assert.equal(received.parts, parts)
  })

test('a field with the name of the prototype stays a field', () => {
  const { result } = partsOf(JSON.parse(`{"__proto__":{"x":1},${JSON.stringify(record(600)).slice(1)}`))
  assert.equal(Object.getPrototypeOf(result), Object.prototype)
  assert.deepEqual(Object.getOwnPropertyDescriptor(result, '__proto__')?.value, { x: 1 })
})

test('the port is closed at the end', async () => {
  const { port1, port2 } = new MessageChannel()
  sendPieces(port1, 1)
  const closed = new Promise((resolve) => port1.once('close', resolve))
  assert.equal(whole(receivedPieces(port2)), 1)
  await closed
})
