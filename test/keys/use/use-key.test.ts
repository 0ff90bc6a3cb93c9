// Which part of the data a request is, by its indicators (KMIP 1.4 §4).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stepOf, type Part } from '../../../src/keys/use/use-key.ts'
import { faults } from '../../support/core.ts'

test('the indicators and the Correlation Value say which part it is', () => {
  const correlationValue = Buffer.from('0a0b', 'hex')
  const table: readonly (readonly [Part, object])[] = [
    [{}, { begins: true, ends: true }],
    [
      { init: false, final: false },
      { begins: true, ends: true },
    ],
    [
      { init: true, final: true },
      { begins: true, ends: true },
    ],
    [{ init: true }, { begins: true, ends: false }],
    [{ correlationValue }, { id: '0a0b', begins: false, ends: false }],
    [
      { correlationValue, final: true },
      { id: '0a0b', begins: false, ends: true },
    ],
  ]
  for (const [part, step] of table) assert.deepEqual(stepOf(part), step)
  for (const wrong of [
    { final: true },
    { correlationValue, init: true },
    { correlationValue, init: true, final: true },
  ])
    assert.throws(() => stepOf(wrong), faults('InvalidMessage'))
})
