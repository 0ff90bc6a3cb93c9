// Which objects the server computes with, and how it says that it cannot.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { usableKey } from '../../../../src/core/keys/use/key-bytes.ts'
import type { ManagedObject, ObjectType } from '../../../../src/core/keys/object/managed-object.ts'
import type { TransactionObjects } from '../../../../src/core/keys/transaction/transaction-objects.ts'
import type { MaterialHead } from '../../../../src/core/sealing/envelope.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

/** The key that is used, and all bytes that are wiped with the transaction. */
async function used(objectType: ObjectType, bytes: Buffer, head: MaterialHead) {
  const wiped: Uint8Array[] = []
  const objects = {
    staged: { opened: (one: Uint8Array) => wiped.push(one) },
    open: async () => ({ bytes, head }),
  } as unknown as TransactionObjects
  const key = await usableKey(objects, {
    objectType,
    attributes: attributeSet({}),
  } as unknown as ManagedObject)
  return { key, wiped }
}

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' })
const sec1 = privateKey.export({ type: 'sec1', format: 'der' })

test('a private key is used in DER whatever it is stored in, and every copy of it is wiped', async () => {
  for (const [bytes, keyFormatType] of [
    [pkcs8, 'PKCS_8'],
    [sec1, 'ECPrivateKey'],
  ] as const) {
    const { key, wiped } = await used('PrivateKey', bytes, { keyFormatType })
    assert.deepEqual(key, { asymmetric: { pkcs8 } })
    assert.deepEqual(wiped, [bytes, pkcs8])
  }
})

test('what cannot be read as a key, is stored wrapped or elsewhere, or is none, is refused with its reason', async () => {
  const wrapping = { data: 'AA==', isInKeyValue: true }
  const junk = Buffer.from('junk')
  for (const [objectType, bytes, head, reason] of [
    ['PrivateKey', junk, { keyFormatType: 'ECPrivateKey' }, 'KeyFormatTypeNotSupported'],
    ['PublicKey', junk, { keyFormatType: 'PKCS_1' }, 'KeyFormatTypeNotSupported'],
    ['PrivateKey', junk, { keyFormatType: 'Raw' }, 'KeyFormatTypeNotSupported'],
    ['PublicKey', junk, {}, 'KeyFormatTypeNotSupported'],
    ['SymmetricKey', junk, { wrapping }, 'PermissionDenied'],
    ['SymmetricKey', junk, { isElsewhere: true }, 'KeyValueNotPresent'],
    ['OpaqueObject', junk, {}, 'InvalidField'],
  ] as const)
    await assert.rejects(used(objectType, bytes, head), faults(reason), `${objectType} ${reason}`)
})
