// Names and descriptions of standard keys: what was written is read back, and anything else is not Mortise's.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  describeKey,
  describeMarker,
  markerName,
  readDescription,
  standardKeyName,
} from '../../../../src/core/custody/keyprotect/description.ts'

const key = { instanceId: 'i-1', rootKeyId: 'r-1', generation: 12, closing: null }
const marker = {
  instanceId: 'i-1',
  rootKeyId: 'r-1',
  number: 3,
  epoch: 0,
  says: { way: 'stays', place: '' },
} as const

test('an identifier is its own name if the service allows it, and its digest otherwise', () => {
  for (const plain of ['a', 'A.z_0-9', 'x'.repeat(82)])
    assert.equal(standardKeyName(plain), `mortise-${plain}`)
  for (const other of ['', 'x'.repeat(83), 'a b', 'ä', 'a/b', 'a\n'])
    assert.match(standardKeyName(other), /^mortise-[0-9a-f]{40}$/, other)
  assert.notEqual(standardKeyName('a b'), standardKeyName('a  b'))
  assert.equal(markerName('i-1'), 'mortise-marker-i-1')
})

test('what is written of a key or a marker is read back', () => {
  for (const closing of [null, 'Deactivated', 'Compromised'] as const)
    assert.deepEqual(readDescription(describeKey({ ...key, closing })), { kind: 'key', ...key, closing })
  for (const says of [marker.says, { way: 'to', place: 'p' }, { way: 'from', place: 'p' }] as const)
    assert.deepEqual(readDescription(describeMarker({ ...marker, says })), {
      kind: 'marker',
      ...marker,
      says,
    })
})

test('the form of a description is fixed: other versions of Mortise read it', () => {
  assert.equal(describeKey(key), 'mortise 2 key, instance i-1, root key r-1, generation 12')
  assert.equal(
    describeKey({ ...key, closing: 'Compromised' }),
    'mortise 2 key, instance i-1, root key r-1, generation 12, closed Compromised',
  )
  assert.equal(describeMarker(marker), 'mortise 2 marker 3, instance i-1, root key r-1, epoch 0, stays')
  assert.equal(
    describeMarker({ ...marker, says: { way: 'to', place: 'p' } }),
    'mortise 2 marker 3, instance i-1, root key r-1, epoch 0, to p',
  )
})

test('any other text is not Mortise’s', () => {
  const [ofKey, ofMarker] = [describeKey(key), describeMarker(marker)]
  for (const text of [
    '',
    `x${ofKey}`,
    `${ofKey} `,
    `${ofKey}, closed Destroyed`,
    ofKey.replace('generation 12', 'generation 0'),
    ofKey.replace('generation 12', `generation ${'9'.repeat(10)}`),
    ofKey.replace('i-1', 'i'.repeat(61)),
    ofKey.replace('i-1', 'i 1'),
    ofKey.replace('r-1', 'r'.repeat(61)),
    ofKey.replace('mortise 2', 'mortise 1'),
    `x${ofMarker}`,
    `${ofMarker} there`,
    ofMarker.replace('marker 3', 'marker 0'),
    ofMarker.replace('marker 3', `marker ${'9'.repeat(13)}`),
    ofMarker.replace('epoch 0', `epoch ${'9'.repeat(13)}`),
    ofMarker.replace('epoch 0', 'epoch '),
    ofMarker.replace('stays', 'to '),
    ofMarker.replace('stays', `to ${'p'.repeat(61)}`),
    ofMarker.replace('stays', 'by p'),
  ])
    assert.equal(readDescription(text), undefined, text)
})
