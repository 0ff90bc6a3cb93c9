// A split that fails midway leaves no part of the key in memory.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSplitKey, joinSplitKey } from '../../../src/keys/acts/split-key.ts'
import type { TransactionObjects } from '../../../src/keys/transaction/transaction-objects.ts'
import type { Material } from '../../../src/sealing/envelope.ts'
import { attributeSet, faults } from '../../support/core.ts'

test('the parts that could not be stored are overwritten too', async () => {
  const made = [1, 2, 3].map((fill) => new Uint8Array(32).fill(fill))
  const opened: Uint8Array[] = []
  const kept: Buffer[] = []
  const objects = {
    staged: { begin: () => undefined, opened: (bytes: Uint8Array) => opened.push(bytes) },
    compute: async () => made,
    keep: async (_wanted: unknown, { bytes }: Material) => {
      if (kept.length === 1) throw new Error('the disk is full')
      return `part ${kept.push(bytes)}`
    },
  } as unknown as TransactionObjects
  const attributes = attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 256 })
  const wanted = { uniqueIdentifier: undefined, parts: 3, threshold: 3, method: 'XOR', attributes } as const
  await assert.rejects(createSplitKey(objects, { ...wanted, primeFieldSize: undefined }), /disk is full/)
  assert.ok(made.every((part) => part.every((byte) => byte === 0)))
  assert.deepEqual(kept[0], Buffer.alloc(32, 1), 'what is stored is a copy')
  assert.equal(opened.length, 1, 'the key itself is wiped with the transaction')
})

test('a key is not joined from no parts, nor to an object that has none', async () => {
  const begun: unknown[] = []
  const objects = {
    staged: { begin: (...entry: unknown[]) => begun.push(entry) },
  } as unknown as TransactionObjects
  const wanted = { uniqueIdentifiers: [], attributes: attributeSet({}), secretDataType: undefined } as const
  const join = (objectType: 'SymmetricKey' | 'Certificate') =>
    joinSplitKey(objects, { ...wanted, objectType })
  await assert.rejects(join('SymmetricKey'), faults('InvalidField', /needs the Unique Identifiers/))
  await assert.rejects(join('Certificate'), faults('InvalidObjectType', /not joined to an object/))
  assert.deepEqual(begun, [
    ['key.join', null],
    ['key.join', null],
  ])
})
