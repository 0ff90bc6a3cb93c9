// Seagate's kms (github.com/Seagate/kmip-go, cmd/kms and src/kmipapi). From its source: KMIP 1.4 with the Batch Order Option and an
// identifier of 16 bytes on each item; create of an AES-256 key with a Name; revoke always for Cessation of Operation, with an
// empty Revocation Message; `clear`, which goes on to Destroy when its Revoke was refused, and then names no object. Its README
// says only which commands there are. KMIP 1.0 to 1.4 know no way from Pre-Active to Deactivated.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import {
  aes,
  locate,
  nameAttribute,
  type Asked,
  type KmipSession,
  type Told,
} from '../support/clients/kmip-session.ts'
import { allowOnly, useServer, type RunningServer } from '../support/server/running.ts'
import { productOf } from '../../src/features/clients/products/table.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

const send = (asked: Asked): Promise<Told> =>
  session.one('1.4', { ...asked, id: randomBytes(16) }, { batchOrderOption: true })

const revoke = (UniqueIdentifier: string) =>
  send({
    operation: 'Revoke',
    request: {
      UniqueIdentifier,
      RevocationReason: { RevocationReasonCode: 'CessationOfOperation', RevocationMessage: '' },
    },
  })

async function created(name: string): Promise<string> {
  const { status, payload } = await send({ operation: 'Create', request: aes([nameAttribute(name)]) })
  assert.equal(status, 'Success')
  return (payload as { UniqueIdentifier: string }).UniqueIdentifier
}

const state = async (id: string) => (await session.values('1.4', id, 'State'))[0]

test('Seagate: a key goes from create to destroy', async () => {
  await allowOnly(server, ...productOf('seagate').allow)
  const id = await created('ZAD0YA320000C7300BYS')
  const found = await session.ask('1.4', 'Locate', locate([nameAttribute('ZAD0YA320000C7300BYS')]))
  assert.deepEqual(found.UniqueIdentifier, [id])
  for (const operation of ['Activate', 'Get'] as const)
    assert.equal((await send({ operation, request: { UniqueIdentifier: id } })).status, 'Success')
  assert.equal((await revoke(id)).status, 'Success')
  assert.equal(await state(id), 'Deactivated')
  assert.equal((await send({ operation: 'Destroy', request: { UniqueIdentifier: id } })).status, 'Success')
})

test('Seagate: revoke of a Pre-Active key is refused and changes nothing; destroy takes it at once', async () => {
  const id = await created('never activated')
  const refused = await revoke(id)
  assert.equal(refused.reason, 'IllegalOperation')
  assert.match(refused.message ?? '', /Pre-Active: activate it first, or destroy it/)
  const nameless = await send({ operation: 'Destroy', request: {} })
  assert.equal(nameless.status, 'OperationFailed', '`clear` has no identifier after a refused Revoke')
  assert.equal(await state(id), 'PreActive')
  assert.deepEqual(await session.values('1.4', id, 'Revocation Reason'), [])
  assert.equal((await send({ operation: 'Destroy', request: { UniqueIdentifier: id } })).status, 'Success')
})
