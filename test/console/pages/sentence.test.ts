// The sentence on the console's first page: the worst thing first.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noneAtRisk, perMinuteText, sentenceOf, type Status } from '../../../console/src/pages/sentence.ts'

type Facts = Pick<Status, 'ready' | 'servesKeys' | 'reason' | 'pending'> & {
  readonly severities: readonly string[]
}

function said({ severities, ...facts }: Facts) {
  return sentenceOf({ ...facts, conditions: severities.map((severity) => ({ severity })) } as Status)
}

test('the worst thing comes first', () => {
  const well: Facts = { ready: true, servesKeys: true, reason: null, pending: 0, severities: [] }
  assert.deepEqual(said(well), { text: 'All is well.', tone: 'good' })
  assert.match(said({ ...well, pending: 2 }).text, /2 unknown clients wait/)
  assert.match(said({ ...well, pending: 1 }).text, /One unknown client waits/)
  assert.match(
    said({ ...well, pending: 1, severities: ['notice', 'warning'] }).text,
    /One thing should be looked at/,
  )
  assert.match(
    said({ ...well, severities: ['warning', 'critical', 'critical'] }).text,
    /2 things must be done now/,
  )
  assert.deepEqual(said({ ...well, servesKeys: false, severities: ['critical'] }), {
    text: 'No key is served: no root key of an instance that has keys opens them.',
    tone: 'bad',
  })
  const down = said({
    ...well,
    ready: false,
    servesKeys: false,
    reason: 'the disk is full',
    severities: ['critical'],
  })
  assert.deepEqual(down, { text: 'This node serves no keys: the disk is full.', tone: 'bad' })
})

test('how many keys are served a minute is known some seconds after the start', () => {
  assert.equal(perMinuteText({ keysPerMinute: 0 }), '0')
  assert.equal(perMinuteText({ keysPerMinute: null }), '…')
})

test('that every key is in a backup is said where there are a key and a backup', () => {
  assert.equal(noneAtRisk({ last: null }), 'There is no key yet.')
  assert.equal(noneAtRisk({ last: { objects: 0 } }), 'There is no key yet.')
  assert.equal(noneAtRisk({ last: { objects: 1 } }), 'Every key is in a backup.')
})
