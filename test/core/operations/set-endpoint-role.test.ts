// Set Endpoint Role: which client the server may ask on its connection, and which answers say that it does.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enums } from '../../../src/wire/kmip/enums.ts'
import type { ResponseItem } from '../../../src/wire/kmip/message.ts'
import { encodeResponsePayload } from '../../../src/wire/kmip/payload.ts'
import type { Context } from '../../../src/core/operations/handler.ts'
import { setEndpointRole, takesServerRole } from '../../../src/core/operations/set-endpoint-role.ts'
import { faults } from '../../support/server/core.ts'

/** Asks for the role on such a connection. Returns the answer, and what was entered in the audit. */
async function ask(EndpointRole: 'Client' | 'Server', connection: object = {}) {
  const entered: unknown[] = []
  const endpoint = { canChange: true, hasTicket: false, hasRoom: () => true, ...connection }
  const transaction = { enter: (...entry: unknown[]) => entered.push(entry) }
  const context = { transaction, endpoint } as unknown as Context
  const answer = await setEndpointRole(context, { EndpointRole })
  assert.deepEqual(entered, [['client.endpoint-role', { role: EndpointRole }]])
  return answer
}

test('the server takes the client role where the connection can change, without a ticket, and while there is room', async () => {
  assert.deepEqual(await ask('Client'), { EndpointRole: 'Client' })
  for (const [connection, refusal] of [
    [{ canChange: false }, faults('FeatureNotSupported', /port for TTLV/)],
    [{ hasTicket: true }, faults('PermissionDenied', /a ticket does not change/)],
    [{ hasRoom: () => false }, faults('PermissionDenied', /too many connections/)],
  ] as const) {
    await assert.rejects(ask('Client', connection), refusal)
    assert.deepEqual(await ask('Server', connection), { EndpointRole: 'Server' }, 'it has that role')
  }
})

test('only an answer that succeeded, for the client role, has the server ask', () => {
  const version = '2.1'
  const operationCode = enums.Operation.SetEndpointRole.code
  const payload = (EndpointRole: 'Client' | 'Server') =>
    encodeResponsePayload('SetEndpointRole', { EndpointRole }, version)
  const taken: ResponseItem = { status: 'Success', operationCode, payload: payload('Client') }
  const others: readonly ResponseItem[] = [
    { ...taken, status: 'OperationUndone' },
    { ...taken, operationCode: enums.Operation.Ping.code },
    { ...taken, payload: undefined },
    { ...taken, payload: payload('Server') },
  ]
  assert.equal(takesServerRole([], version), false)
  for (const other of others) assert.equal(takesServerRole([other], version), false)
  assert.equal(takesServerRole([...others, taken], version), true)
})
