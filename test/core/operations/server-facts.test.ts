// What the server says of itself, as the administrator's choices narrow it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drafts, standards } from '../../../src/wire/kmip/version.ts'
import { handledOperations } from '../../../src/core/operations/handlers.ts'
import { serverFacts } from '../../../src/core/operations/server-facts.ts'

test('versions are all standards unless some are chosen, with the drafts that are, from the oldest', () => {
  const [draft] = drafts
  assert.deepEqual(serverFacts('1').versions, standards)
  assert.deepEqual(serverFacts('1', { versions: ['2.1', '1.4'] }).versions, ['1.4', '2.1'])
  assert.deepEqual(serverFacts('1', { drafts: [draft] }).versions, [...standards, draft])
  assert.deepEqual(serverFacts('1', { versions: ['1.0'], drafts: [draft] }).versions, ['1.0', draft])
})

test('Interop is done only where an administrator wants it, and without FIPS mode no module is named', () => {
  const without = handledOperations.filter((name) => name !== 'Interop')
  assert.deepEqual(serverFacts('1').operations, without)
  assert.deepEqual(serverFacts('1', { interop: false }).operations, without)
  assert.deepEqual(serverFacts('1', { interop: true }).operations, handledOperations)
  assert.deepEqual([serverFacts('7.8').version, serverFacts('7.8').fips], ['7.8', null])
  assert.equal(serverFacts('1', { fips: '3.5.9' }).fips, '3.5.9')
})
