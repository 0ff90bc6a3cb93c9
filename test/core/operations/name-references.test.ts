// Name References of KMIP 3.0, a draft: each stands for the identifier of the one object of that Name, in every field that names objects.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withNamesResolved } from '../../../src/core/operations/name-references.ts'

const identifiers: Readonly<Record<string, string>> = { known: 'id-1' }
const transaction = { identifierNamed: async (text: string) => identifiers[text] }
const named = (value: string) => ({ type: 'NameReference', value }) as const

test('a name that one object has becomes its identifier, and everything else stays', async () => {
  const reference = { type: 'Enumeration', value: 1 } as const
  for (const [given, expected] of [
    ['plain', 'plain'],
    [3, 3],
    [reference, reference],
    [named('known'), 'id-1'],
    [named('nobody'), named('nobody')],
    [
      [named('known'), 'plain', named('nobody')],
      ['id-1', 'plain', named('nobody')],
    ],
    [[], []],
  ] as const)
    for (const field of ['UniqueIdentifier', 'PrivateKeyUniqueIdentifier', 'PublicKeyUniqueIdentifier'])
      assert.deepEqual(await withNamesResolved(transaction, { Data: 1, [field]: given }), {
        Data: 1,
        [field]: expected,
      })
  const other = { ReplacedUniqueIdentifier: named('known') }
  assert.deepEqual(await withNamesResolved(transaction, other), other)
})
