// Secrets in JSON, cut out as bytes: at the top or one level below, whatever stands around them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { bodyWithSecret, parseWithSecret } from '../../../../src/outside/rootkey/https/secret-json.ts'

test('a secret at the top and one level below is cut out, and the rest is parsed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.jsonValue(), (secret, other) => {
      const text = Buffer.from(secret).toString('base64')
      const top = parseWithSecret(
        Buffer.from(JSON.stringify({ other, plaintext: text, more: [other] })),
        'plaintext',
      )
      assert.deepEqual(top.secret, Buffer.from(secret))
      assert.equal(JSON.stringify(top.json).includes(`"plaintext":"${' '.repeat(text.length)}"`), true)
      const below = { other, data: { other: [other], plaintext: text }, plaintext: 'b3RoZXI=' }
      const inner = parseWithSecret(Buffer.from(JSON.stringify(below, null, 2)), 'data.plaintext')
      assert.deepEqual(inner.secret, Buffer.from(secret))
    }),
  )
})

test('a field of that name elsewhere is no secret', () => {
  const none = [
    '{"data":{"deeper":{"plaintext":"eHh4"}}}',
    '{"plaintext":"eHh4"}',
    '{"data":["plaintext","eHh4"]}',
    '{"data":{"plaintext":3}}',
    '[{"data":{"plaintext":"eHh4"}}]',
  ]
  for (const text of none)
    assert.equal(parseWithSecret(Buffer.from(text), 'data.plaintext').secret, undefined, text)
  const escaped = parseWithSecret(
    Buffer.from('{"a":"\\"plaintext\\":","plaintext":"\\u0065Hh4"}'),
    'plaintext',
  )
  assert.equal(escaped.secret?.toString(), 'xxx')
})

test('a body is built without a string of the secret, and the answer is wiped', () => {
  const body = bodyWithSecret('plaintext', Buffer.from('xxx'), { aad: 'a' })
  assert.equal(body.toString(), '{"plaintext":"eHh4","aad":"a"}')
  parseWithSecret(body, 'plaintext')
  assert.ok(body.every((byte) => byte === 0))
})
