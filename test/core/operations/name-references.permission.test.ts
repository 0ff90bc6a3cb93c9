// A refused operation does not tell whether an object has a Name.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WireCredential } from '../../../src/wire/kmip/credential.ts'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { nameAttribute, type Header, type KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { clientRoutes } from '../../../src/features/clients/routes.ts'

let server: RunningServer
let session: KmipSession
useServer((running, opened) => {
  server = running
  session = opened
})

const named = (value: string) => ({ type: 'NameReference', value }) as const

async function told(name: string, header: Header = {}) {
  const request = { UniqueIdentifier: named(name) }
  const [answer] = await session.send('3.0', [{ operation: 'Get', request }], header)
  return [answer?.reason, answer?.message]
}

test('a refusal is the same whether an object has the Name or not', async () => {
  await session.key('1.4', [nameAttribute('payroll')])
  const other = await session.key('1.4')
  const Rights: Request<'DelegatedLogin'>['Rights'] = { Right: [{ Objects: { UniqueIdentifier: [other] } }] }
  const { Ticket } = await session.ask('3.0', 'DelegatedLogin', { Rights })
  const credentials: WireCredential[] = [{ CredentialType: 'Ticket', CredentialValue: { Ticket } }]
  assert.deepEqual(await told('payroll', { credentials }), await told('nobody', { credentials }))
  assert.equal((await told('payroll', { credentials }))[0], 'NotAuthorised')
  assert.equal((await told('nobody'))[0], 'ObjectNotFound')
  const [trusted] = await server.admin.call(clientRoutes.listClients, { instance: 'default' })
  assert.ok(trusted)
  const { name: client } = trusted
  await server.admin.call(clientRoutes.setClient, {
    instance: 'default',
    client,
    body: { allow: ['Create'] },
  })
  assert.deepEqual(await told('payroll'), await told('nobody'))
  assert.equal((await told('payroll'))[0], 'PermissionDenied')
})
