// PKCS#11 (KMIP 2.1 §6.1.37): the functions that begin, describe and end the use of the library, each client's own.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { pkcs11PerPartyMax } from '../../../src/core/operations/pkcs11-uses.ts'
import type { Context } from '../../../src/core/operations/handler.ts'
import { pkcs11 } from '../../../src/core/operations/pkcs11.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'
import { batch, openSession, type KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

const functions = { initialize: 1, finalize: 2, info: 3, generateRandom: 65, messageVerifyFinal: 92 }
const [ok, notSupported, notInitialized, alreadyInitialized] = [0, 0x54, 0x190, 0x191]

async function call(
  PKCS_11Function: number,
  CorrelationValue?: Uint8Array,
  more: Partial<Request<'PKCS_11'>> = {},
  by = session,
) {
  const answer = await by.ask('2.1', 'PKCS_11', {
    PKCS_11Function,
    ...(CorrelationValue && { CorrelationValue }),
    ...more,
  })
  assert.equal(answer.PKCS_11Function, PKCS_11Function)
  return answer
}

test('a use begins, describes the library and ends', async () => {
  const begun = await call(functions.initialize, undefined, { PKCS_11InputParameters: Buffer.of(1) })
  const value = begun.CorrelationValue
  assert.ok(value && begun.PKCS_11ReturnCode === ok)
  const info = await call(functions.info, value)
  assert.equal(info.PKCS_11ReturnCode, ok)
  const output = Buffer.from(info.PKCS_11OutputParameters ?? [])
  assert.equal(output.length, 76)
  assert.deepEqual([...output.subarray(0, 2)], [3, 0])
  assert.equal(output.toString('utf8', 2, 34).trim(), 'Mortise')
  assert.equal((await call(functions.initialize, value)).PKCS_11ReturnCode, alreadyInitialized)
  for (const other of [functions.generateRandom, functions.messageVerifyFinal])
    assert.equal((await call(other, value)).PKCS_11ReturnCode, notSupported)
  assert.equal((await call(functions.finalize, value)).PKCS_11ReturnCode, ok)
  for (const one of [functions.info, functions.finalize, functions.generateRandom])
    assert.equal((await call(one, value)).PKCS_11ReturnCode, notInitialized)
  assert.equal((await call(functions.info)).PKCS_11ReturnCode, notInitialized)
})

test('in a batch that is undone no use begins or ends', async () => {
  const { CorrelationValue } = await call(functions.initialize)
  await undone(functions.finalize, { CorrelationValue })
  assert.equal((await call(functions.info, CorrelationValue)).PKCS_11ReturnCode, ok)
  for (let count = 0; count < pkcs11PerPartyMax; count++) await undone(functions.initialize)
  const { CorrelationValue: next } = await call(functions.initialize)
  for (const value of [CorrelationValue, next])
    assert.equal((await call(functions.finalize, value)).PKCS_11ReturnCode, ok)
})

/** The call is done, and then undone. */
async function undone(PKCS_11Function: number, more: object = {}): Promise<void> {
  const asked = batch(
    { operation: 'PKCS_11', request: { PKCS_11Function, ...more } },
    { operation: 'Get', request: { UniqueIdentifier: 'none' } },
  )
  const [told] = await session.send('2.1', asked, { batchErrorContinuationOption: 'Undo' })
  assert.equal(told?.status, 'OperationUndone')
}

test('a use is its client’s alone', async () => {
  const identity = await makeCertificate({ key: 'ec', ownKey: true, commonName: 'other' })
  await server.trust('other', identity)
  using other = await openSession(server.port, identity)
  const { CorrelationValue } = await call(functions.initialize)
  assert.equal(
    (await call(functions.finalize, CorrelationValue, {}, other)).PKCS_11ReturnCode,
    notInitialized,
  )
  assert.equal((await call(functions.finalize, CorrelationValue)).PKCS_11ReturnCode, ok)
})

test('a function that PKCS#11 lacks, and another interface, are refused', async () => {
  for (const PKCS_11Function of [0, 93, 0xffff_ffff])
    assert.equal(await session.refused('2.0', 'PKCS_11', { PKCS_11Function }), 'PKCS_11InvalidFunction')
  const vendor = { PKCS_11Function: 1, PKCS_11Interface: 'Vendor Acme' }
  assert.equal(await session.refused('2.1', 'PKCS_11', vendor), 'PKCS_11InvalidInterface')
  const named = await call(functions.initialize, undefined, { PKCS_11Interface: 'PKCS 11' })
  assert.equal(named.PKCS_11Interface, 'PKCS 11')
})

test('a use that finds no room has no memory, and begins nothing', async () => {
  const context = {
    version: '2.1',
    transaction: { party: 'a', enter: () => undefined },
    pkcs11Uses: { begin: () => undefined, renew: () => false },
  } as unknown as Context
  assert.deepEqual(await pkcs11(context, { PKCS_11Function: functions.initialize }), {
    PKCS_11Function: functions.initialize,
    // CKR_HOST_MEMORY
    PKCS_11ReturnCode: 2,
  })
})
