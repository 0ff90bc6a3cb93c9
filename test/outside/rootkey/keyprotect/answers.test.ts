// The answers of Key Protect and IAM as Mortise reads them: what is there, what may be absent, and that nothing that comes
// instead does more than count as absent.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as hold, jsonValue, property, uint8Array } from 'fast-check'
import {
  resourceId,
  parseJson,
  readIamRefusal,
  readKey,
  readOneKey,
  readResources,
  readServiceRefusal,
  readToken,
  readWrapped,
  subjectOf,
} from '../../../../src/outside/rootkey/keyprotect/answers.ts'

const json = (value: unknown) => Buffer.from(JSON.stringify(value))
const tokenOf = (claims: unknown) => `a.${json(claims).toString('base64url')}.c`

test('a key: states by name, absent fields as the service means them', () => {
  const least = {
    id: 'abc',
    name: '',
    description: '',
    aliases: [],
    state: 'unknown',
    isDestroyed: false,
    extractable: true,
    keyRing: 'default',
    createdAt: null,
    lastRotatedAt: null,
    expiresAt: null,
    keyVersion: null,
    payload: undefined,
  }
  assert.deepEqual(readKey({ id: 'ABC' }), least)
  assert.deepEqual(readKey({ id: 'ABC', state: '1', aliases: 'a', keyVersion: 7, name: null }), least)
  const whole = {
    id: 'abc',
    state: 2,
    extractable: false,
    keyRingID: 'ring',
    aliases: ['a'],
    keyVersion: { id: 'v' },
  }
  const { state, extractable, keyRing, aliases, keyVersion } = readKey(whole) ?? assert.fail()
  assert.deepEqual(
    [state, extractable, keyRing, aliases, keyVersion],
    ['suspended', false, 'ring', ['a'], 'v'],
  )
  for (const destroyed of [{ state: 5 }, { state: 1, deleted: true }])
    assert.equal(readKey({ id: 'abc', ...destroyed })?.isDestroyed, true)
  for (const none of [null, [], {}, { id: '' }, { id: 7 }, 'abc']) assert.equal(readKey(none), undefined)
})

test('a collection: an empty one has no resources', () => {
  assert.deepEqual(readResources({ metadata: { collectionTotal: 0 } }), [])
  assert.deepEqual(readResources({ resources: [1, 2] }), [1, 2])
  for (const none of [{}, [], null, { resources: 7 }, { metadata: {}, resources: {} }])
    assert.equal(readResources(none), undefined)
  assert.equal(readOneKey({ resources: [{ id: 'a' }, { id: 'b' }] })?.id, 'a')
})

test('a wrapped form: what is no ciphertext, and versions that nobody would call so, are absent', () => {
  assert.deepEqual(readWrapped({ ciphertext: 'YWJj', keyVersion: { id: 'v1' } }), {
    ciphertext: 'YWJj',
    keyVersion: 'v1',
    rewrappedKeyVersion: '',
  })
  for (const ciphertext of [undefined, null, '', 'a b', 'a\n', 7, {}])
    assert.equal(readWrapped({ ciphertext }).ciphertext, undefined)
  for (const keyVersion of [undefined, 'v1', {}, { id: '' }, { id: 'v'.repeat(256) }, { id: 7 }])
    assert.equal(readWrapped({ ciphertext: 'YWJj', keyVersion }).keyVersion, '')
})

test('refusals: the first reason, or the message alone; one line, and not a long one', () => {
  const reasons = [{ code: 'KEY_DELETED_ERR', message: 'gone' }, { code: 'OTHER' }]
  assert.deepEqual(readServiceRefusal(json({ resources: [{ errorMsg: 'Gone', reasons }] })), {
    code: 'KEY_DELETED_ERR',
    message: 'gone',
  })
  const plain = { resources: [{ errorMsg: `Unauthorized:\n\u001b[2J${'x'.repeat(500)}` }] }
  const { code, message } = readServiceRefusal(json(plain)) ?? assert.fail()
  assert.deepEqual([code, message.length, message.slice(0, 18)], ['', 300, 'Unauthorized: [2Jx'])
  assert.deepEqual(readServiceRefusal(json({ resources: [{}] })), { code: '', message: '' })
  for (const page of [
    '<html>',
    '[]',
    '"no"',
    '',
    '{}',
    '{"error":"no"}',
    '{"resources":[]}',
    '{"resources":[7]}',
  ])
    assert.equal(readServiceRefusal(Buffer.from(page)), undefined)
  const context = { requestId: 'id-1' }
  assert.deepEqual(readIamRefusal(json({ errorCode: 'BXNIM0415E', errorMessage: 'no', context })), {
    code: 'BXNIM0415E',
    message: 'no',
    requestId: 'id-1',
  })
  assert.equal(readIamRefusal(json({ context: { requestId: 'a b' } }))?.requestId, undefined)
})

test('a token: its life is ten minutes where IAM does not say', () => {
  assert.deepEqual(readToken({ access_token: 'a.b.c', expires_in: 3600 }), {
    access_token: 'a.b.c',
    expires_in: 3600,
  })
  for (const seconds of [undefined, null, 'soon', -1, 0])
    assert.equal(readToken({ access_token: 'a', expires_in: seconds })?.expires_in, 600)
  for (const none of [{}, { access_token: '' }, { access_token: 'a b' }, { access_token: 7 }, null])
    assert.equal(readToken(none), undefined)
  assert.equal(subjectOf(tokenOf({ sub: 'ServiceId-1', iam_id: 'iam-1' })), 'ServiceId-1')
  assert.equal(subjectOf(tokenOf({ sub: '<b>', iam_id: 'iam-1' })), 'iam-1')
  for (const none of ['', 'a', 'a.b.c', tokenOf({})]) assert.equal(subjectOf(none), '')
})

test('any JSON and any bytes are read without an error', () => {
  const readers = [readKey, readOneKey, readResources, readWrapped, readToken, resourceId]
  hold(
    property(jsonValue(), uint8Array(), (value, bytes) => {
      for (const read of readers) read(value)
      for (const read of [parseJson, readServiceRefusal, readIamRefusal]) {
        read(json(value))
        read(Buffer.from(bytes))
      }
    }),
  )
})
