// What the server says of itself, as the administrator's choices narrow it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drafts, standards } from '../../../src/wire/kmip/version.ts'
import { handledOperations } from '../../../src/core/operations/handlers.ts'
import { serverFacts, type ProtocolSettings } from '../../../src/core/operations/server-facts.ts'

const facts = (settings?: ProtocolSettings) => serverFacts('1', handledOperations, settings)

test('versions are all standards unless some are chosen, with the drafts that are, from the oldest', () => {
  const [draft] = drafts
  assert.deepEqual(facts().versions, standards)
  assert.deepEqual(facts({ versions: ['2.1', '1.4'] }).versions, ['1.4', '2.1'])
  assert.deepEqual(facts({ drafts: [draft] }).versions, [...standards, draft])
  assert.deepEqual(facts({ versions: ['1.0'], drafts: [draft] }).versions, ['1.0', draft])
})

test('Interop is done only where an administrator wants it, and without FIPS mode no module is named', () => {
  const without = handledOperations.filter((name) => name !== 'Interop')
  assert.deepEqual(facts().operations, without)
  assert.deepEqual(facts({ interop: false }).operations, without)
  assert.deepEqual(facts({ interop: true }).operations, handledOperations)
  const { version, fips } = serverFacts('7.8', handledOperations)
  assert.deepEqual([version, fips], ['7.8', null])
  assert.equal(facts({ fips: '3.5.9' }).fips, '3.5.9')
})
