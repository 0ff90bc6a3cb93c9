// pkcs11: URIs: what RFC 7512 allows and Mortise heeds, and what is refused in which words.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { RootKeyError } from '../../../../src/core/ports/root-key.ts'
import {
  formatPkcs11Uri,
  formatToken,
  parsePkcs11Uri,
  type Pkcs11Uri,
} from '../../../../src/outside/rootkey/pkcs11/uri.ts'
import { anyCharacter } from '../../../support/values/characters.ts'
import { reaches } from '../../../support/root-keys/rootkey-contract.ts'

test('names the token, the key, the module and the PIN', () => {
  const uri =
    'pkcs11:token=My%20token;serial=12aB;manufacturer=A%26B;model=X;slot-id=7;object=k%2F1;id=%01%ff;type=private' +
    '?module-path=/usr/lib/v.so&pin-source=file:/etc/mortise/hsm%20pin'
  assert.deepEqual(parsePkcs11Uri(uri), {
    token: { token: 'My token', serial: '12aB', manufacturer: 'A&B', model: 'X', slotId: 7 },
    key: { object: 'k/1', id: '01ff', type: 'private' },
    modulePath: '/usr/lib/v.so',
    pinSource: { kind: 'file', name: '/etc/mortise/hsm pin' },
  } satisfies Pkcs11Uri)
  const least = { token: { token: 't' }, key: {} }
  assert.deepEqual(parsePkcs11Uri('PKCS11:token=t'), least)
  for (const [source, kind, name] of [
    ['/run/pin', 'file', '/run/pin'],
    ['file:///run/pin', 'file', '/run/pin'],
    ['credential:hsm.pin-1', 'credential', 'hsm.pin-1'],
  ])
    assert.deepEqual(parsePkcs11Uri(`pkcs11:token=t?pin-source=${source}`), {
      ...least,
      pinSource: { kind, name },
    })
})

test('each URI has one form, whatever its order, and the form says the same', () => {
  const one = 'pkcs11:object=k;token=t?pin-source=/p&module-path=/m.so'
  const other = 'pkcs11:token=%74;object=k?module-path=/m.so&pin-source=file:/p'
  assert.equal(formatPkcs11Uri(parsePkcs11Uri(one)), formatPkcs11Uri(parsePkcs11Uri(other)))
  const text = fc.string({ unit: anyCharacter, minLength: 1 }).filter((some) => !/\p{Cc}/u.test(some))
  const names = fc.record({ token: text, serial: text }, { requiredKeys: ['token'], noNullPrototype: true })
  const keys = fc.record(
    { object: text, id: fc.stringMatching(/^([0-9a-f]{2}){1,8}$/) },
    { requiredKeys: [], noNullPrototype: true },
  )
  fc.assert(
    fc.property(names, keys, text, (token, key, file) => {
      const uri: Pkcs11Uri = { token, key, pinSource: { kind: 'file', name: `/pin ${file}` } }
      assert.deepEqual(parsePkcs11Uri(formatPkcs11Uri(uri)), uri)
    }),
  )
})

test('the same token under another key is the same token', () => {
  const [one, other] = ['a', 'b'].map((object) =>
    parsePkcs11Uri(`pkcs11:token=t;object=${object}?pin-source=/p`),
  )
  assert.ok(one && other)
  assert.equal(formatToken(one), formatToken(other))
  assert.notEqual(formatToken(one), formatToken(parsePkcs11Uri('pkcs11:token=t?pin-source=/q')))
})

test('what is not understood is refused, with the reason', () => {
  for (const [uri, why] of [
    ['pkcs11:', /names no token/],
    ['pkcs11:object=k', /names no token/],
    ['pkcs11:token', /not NAME=VALUE/],
    ['pkcs11:token=', /token is empty/],
    ['pkcs11:token=t;token=u', /token is there twice/],
    ['pkcs11:token=a b', /percent-encoded/],
    ['pkcs11:token=%zz', /percent-encoded/],
    ['pkcs11:token=%ff', /no text in UTF-8/],
    ['pkcs11:token=%00', /no text in UTF-8/],
    ['pkcs11:token=t;colour=red', /colour has no place before the "\?"/],
    ['pkcs11:token=t;library-version=3', /does not compare library-version/],
    ['pkcs11:token=t;x-vendor=1', /does not compare x-vendor/],
    ['pkcs11:token=t;type=cert', /type must be secret-key .* or private/],
    ['pkcs11:token=t;slot-id=one', /slot-id must be a number/],
    ['pkcs11:token=t?object=k', /object has no place after the "\?"/],
    ['pkcs11:token=t?module-name=v', /does not compare module-name/],
    ['pkcs11:token=t?module-path=v.so', /module-path must be a whole path/],
    ['pkcs11:token=t?pin-source=pin', /pin-source must be/],
    ['pkcs11:token=t?pin-source=%7Ccat', /pin-source must be/],
    ['pkcs11:token=t?pin-source=credential:../x', /pin-source must be/],
    ['pkcs11:token=t?pin-source=credential:..', /pin-source must be/],
    ['pkcs11:token=t#fragment', /another form/],
    ['pkcs12:token=t', /another form/],
  ] as const)
    assert.throws(() => parsePkcs11Uri(uri), reaches('root-key', why), uri)
})

test('a PIN in the URI is refused, and never repeated', () => {
  for (const uri of [
    'pkcs11:token=t?pin-value=hush1234',
    'pkcs11:token=t;colour=x?pin-source=/p&PIN-VALUE=hush1234',
    'pkcs11:token=t;pin-value=hush1234',
    'pkcs11:token=t?hush1234',
    'pkcs11:token=t?pin-source=hush1234',
  ])
    assert.throws(
      () => parsePkcs11Uri(uri),
      (error) => error instanceof RootKeyError && !error.message.includes('hush'),
      uri,
    )
  assert.throws(
    () => parsePkcs11Uri('pkcs11:token=t?pin-value=1'),
    reaches('root-key', /Put the PIN into a file/),
  )
})

test('from any text comes a URI or a RootKeyError', () => {
  const texts = fc.oneof(
    fc.string().map((some) => `pkcs11:${some}`),
    fc.stringMatching(/^pkcs11:(token|id|object|type)=[a-z%0-9;?&=:/]*$/),
  )
  fc.assert(
    fc.property(texts, (text) => {
      try {
        parsePkcs11Uri(text)
      } catch (error) {
        assert.ok(error instanceof RootKeyError)
      }
    }),
  )
})
