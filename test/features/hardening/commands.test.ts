import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findingsText } from '../../../src/features/hardening/commands.ts'

const finding = (state: 'good' | 'bad' | 'unknown') => ({
  id: 'swap' as const,
  state,
  says: 'x',
  action: null,
})

const last = (...states: Parameters<typeof finding>[0][]) =>
  findingsText(states.map(finding), { write: () => undefined })
    .trimEnd()
    .split('\n')
    .at(-1)

test('the last line says how many need somebody, and how many nobody could look at', () => {
  const more = ' docs/hardening.md says more.'
  assert.equal(last('good', 'good'), `Nothing is to do here.${more}`)
  assert.equal(last('bad', 'good'), `1 of 2 needs you.${more}`)
  assert.equal(last('unknown', 'good'), `Nothing is to do in what is seen here. 1 of 2 was not seen.${more}`)
  assert.equal(last('bad', 'bad', 'unknown', 'unknown'), `2 of 4 need you. 2 of 4 were not seen.${more}`)
  assert.equal(last('bad', 'unknown'), `1 of 2 needs you. 1 of 2 was not seen.${more}`)
})
