// Login, Delegated Login and Logout on the real server: a ticket is worth what its client may do, and no more (KMIP 2.1 §6.1.12,
// §6.1.30, §6.1.31).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WireCredential } from '../../../src/wire/kmip/credential.ts'
import { decodeResponse, encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import type { Request, Response } from '../../../src/wire/kmip/operations.ts'
import { encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import { ticketsPerOwnerMax } from '../../../src/core/operations/tickets.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'
import { batch, openSession, type Asked, type KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'
import { clientRoutes } from '../../../src/features/clients/routes.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

type Ticket = Response<'Login'>['Ticket']
const by = (Ticket: Ticket) => ({
  credentials: [{ CredentialType: 'Ticket', CredentialValue: { Ticket } }] satisfies WireCredential[],
})
const query = { operation: 'Query', request: { QueryFunction: ['QueryObjects'] } } as const

test('a ticket authenticates requests until Logout, and a used-up one refuses each item of the message', async () => {
  const { Ticket } = await session.ask('2.1', 'Login', { RequestCount: 3 })
  assert.equal(Ticket.TicketValue.length, 32)
  assert.equal((await session.one('2.0', query, by(Ticket))).status, 'Success')
  const again = { operation: 'Login', request: {} } as const
  assert.equal((await session.one('2.1', again, by(Ticket))).reason, 'PermissionDenied')
  await session.one('2.1', query, by(Ticket))
  // KMIP 2.1 §8.6: an item names the Operation and the Unique Batch Item ID of the request, which the session compares.
  const refused = await session.send('2.1', batch(query, { operation: 'Ping', request: {} }), by(Ticket))
  assert.deepEqual(
    refused.map(({ reason }) => reason),
    ['UsageLimitExceeded', 'UsageLimitExceeded'],
  )
  const { entries } = await server.admin.call(auditRoutes.listAudit, {
    query: { action: 'kmip.refused', limit: 1 },
  })
  assert.deepEqual(entries, [], 'the ticket was right')
  // OASIS's case of 2.0 has one item without an Operation.
  const payload = encodeRequestPayload('Query', query.request, '2.0')
  const bytes = encodeRequest({ version: '2.0', items: [{ operation: 'Query', payload }], ...by(Ticket) })
  const [whole] = decodeResponse(await session.exchange(bytes)).items
  assert.deepEqual([whole?.operationCode, whole?.reason], [undefined, 'UsageLimitExceeded'])
  const other = await session.ask('2.1', 'Login', {})
  await session.ask('2.1', 'Logout', other)
  assert.equal((await session.one('2.1', query, by(other.Ticket))).reason, 'InvalidTicket')
  assert.equal(await session.refused('2.1', 'Logout', other), 'InvalidTicket')
  assert.equal((await session.one('2.1', query)).status, 'Success', 'without the ticket as before')
})

const missing = { operation: 'Get', request: { UniqueIdentifier: 'none' } } as const
const undo = { batchErrorContinuationOption: 'Undo' } as const

test('in a batch that is undone no ticket is issued or ended', async () => {
  const { Ticket } = await session.ask('2.1', 'Login', {})
  const ended = await session.send('2.1', batch({ operation: 'Logout', request: { Ticket } }, missing), undo)
  assert.deepEqual(
    ended.map(({ status }) => status),
    ['OperationUndone', 'OperationFailed'],
  )
  assert.equal((await session.one('2.1', query, by(Ticket))).status, 'Success')
  const logins: readonly Asked[] = [
    { operation: 'Login', request: {} },
    { operation: 'DelegatedLogin', request: { Rights: { Right: [] } } },
  ]
  for (const login of logins)
    for (let count = 0; count < ticketsPerOwnerMax; count++)
      await session.send('2.1', batch(login, missing), undo)
  await session.ask('2.1', 'Login', {})
  await session.ask('2.1', 'Logout', { Ticket })
  assert.equal((await session.one('2.1', query, by(Ticket))).reason, 'InvalidTicket')
})

test('what pending operations are told is not undone, so that a batch with Undo does not take it', async () => {
  const about = { AsynchronousCorrelationValue: Buffer.alloc(16) }
  for (const operation of ['Cancel', 'Process', 'Poll'] as const) {
    const asked = batch({ operation: 'Ping', request: {} }, { operation, request: about }, missing)
    const told = await session.send('2.1', asked, undo)
    assert.deepEqual(
      told.map(({ status, reason }) => reason ?? status),
      ['OperationUndone', 'FeatureNotSupported'],
      operation,
    )
  }
})

test('a delegated ticket permits what its rights name, in every item, by the ID Placeholder too', async () => {
  const [one, two] = [await session.key('1.4'), await session.key('1.4')]
  const Right: Request<'DelegatedLogin'>['Rights']['Right'] = [
    { Operations: { Operation: ['GetAttributes', 'Get'] }, Objects: { UniqueIdentifier: [one] } },
    { Operations: { Operation: ['Query', 'Locate'] } },
  ]
  const { Ticket } = await session.ask('2.1', 'DelegatedLogin', { Rights: { Right } })
  const asked = batch(
    { operation: 'Get', request: { UniqueIdentifier: one } },
    { operation: 'Get', request: { UniqueIdentifier: two } },
    { operation: 'Destroy', request: { UniqueIdentifier: one } },
    { operation: 'Locate', request: { Attributes: { Attribute: [], UniqueIdentifier: [two] } } },
    { operation: 'Get', request: {} },
    { operation: 'Ping', request: {} },
    { operation: 'Poll', request: { AsynchronousCorrelationValue: Buffer.alloc(16) } },
    query,
  )
  const told = await session.send('2.1', asked, { batchErrorContinuationOption: 'Continue', ...by(Ticket) })
  assert.deepEqual(
    told.map(({ status, reason }) => reason ?? status),
    [
      'Success',
      'NotAuthorised',
      'NotAuthorised',
      'Success',
      'NotAuthorised',
      'NotAuthorised',
      'NotAuthorised',
      'Success',
    ],
  )
})

test('a ticket is worth nothing to another client, and gives no operation that its client may not ask for', async () => {
  const identity = await makeCertificate({ commonName: 'other', ownKey: true })
  await server.trust('other', identity)
  using other = await openSession(server.port, identity)
  const { Ticket } = await session.ask('2.1', 'Login', {})
  assert.equal((await other.one('2.1', query, by(Ticket))).reason, 'InvalidTicket')
  const own = await other.ask('2.1', 'Login', {})
  const body = { allow: ['read'] }
  await server.admin.call(clientRoutes.setClient, { instance: 'default', client: 'other', body })
  const create = { operation: 'Activate', request: { UniqueIdentifier: 'x' } } as const
  assert.equal((await other.one('2.1', create, by(own.Ticket))).reason, 'PermissionDenied')
  assert.equal(await other.refused('2.1', 'Login', {}), 'PermissionDenied')
})

test('Ping answers; Log enters one short line of printable text; Interop is off', async () => {
  assert.deepEqual(await session.ask('2.1', 'Ping', {}), {})
  await session.ask('2.1', 'Log', { LogMessage: `two\nlines ${'x'.repeat(1_000)}` })
  const { entries } = await server.admin.call(auditRoutes.listAudit, { query: { limit: 1 } })
  const [entry] = entries
  assert.equal(entry?.action, 'client.log')
  const message = String(entry.detail?.['message'])
  assert.match(message, /^two lines x+…$/)
  assert.equal(message.length, 200)
  const begin = { InteropFunction: 'Begin', InteropIdentifier: 'a test' } as const
  assert.equal(await session.refused('2.1', 'Interop', begin), 'OperationNotSupported')
  const { Operation } = await session.ask('2.1', 'Query', { QueryFunction: ['QueryOperations'] })
  assert.ok(!Operation.includes('Interop') && Operation.includes('Login'))
})

const get = (UniqueIdentifier: string) => ({ operation: 'Get', request: { UniqueIdentifier } }) as const

test('2.1: a right for a group permits operations on what is in it', async () => {
  const [inside, outside] = [await session.key('1.4'), await session.key('1.4')]
  const group = { NewAttribute: { Attribute: [], ObjectGroup: ['vault'] } }
  await session.ask('2.1', 'AddAttribute', { UniqueIdentifier: inside, ...group })
  const Right = [{ Operations: { Operation: ['Get' as const] }, ObjectGroups: { ObjectGroup: ['vault'] } }]
  const { Ticket } = await session.ask('2.1', 'DelegatedLogin', { Rights: { Right } })
  const asked = batch(get(inside), get(outside), get('none'))
  const told = await session.send('2.1', asked, { batchErrorContinuationOption: 'Continue', ...by(Ticket) })
  assert.deepEqual(
    told.map(({ status, reason }) => reason ?? status),
    ['Success', 'NotAuthorised', 'NotAuthorised'],
  )
  assert.equal(told[1]?.message, told[2]?.message)
})

test('a ticket that was had without a password is worth nothing once the client must send one', async () => {
  const identity = await makeCertificate({ key: 'ec', ownKey: true, commonName: 'demanded' })
  await server.trust('demanded', identity)
  const demand = (credential: { mode: 'when-sent' | 'required'; userName?: string; password?: string }) =>
    server.admin.call(clientRoutes.setClient, {
      instance: 'default',
      client: 'demanded',
      body: { credential },
    })
  await demand({ mode: 'when-sent', userName: 'u', password: 'a password' })
  using other = await openSession(server.port, identity)
  const { Ticket } = await other.ask('2.1', 'Login', {})
  await demand({ mode: 'required' })
  assert.equal((await other.one('2.1', query, by(Ticket))).reason, 'InvalidTicket')
})
