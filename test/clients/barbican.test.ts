// OpenStack Barbican's KMIP plugin and PyKMIP's pie objects give every object of a kind one Name ("Symmetric Key"). The instance
// lets Names repeat: instance set --names shared.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  attribute,
  attributesOf,
  locate,
  nameAttribute,
  type KmipSession,
} from '../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../support/server/running.ts'
import { instanceRoutes } from '../../src/features/instances/routes.ts'
import { productOf } from '../../src/features/clients/products/table.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

test('Barbican: objects of one Name are refused, and taken where the instance says so', async () => {
  const name = nameAttribute('Symmetric Key')
  const first = await session.key('1.1', [name])
  const asked = { UniqueIdentifier: await session.key('1.1'), Attribute: name }
  assert.equal(await session.refused('1.1', 'AddAttribute', asked), 'IllegalOperation')
  await server.admin.call(instanceRoutes.setInstance, {
    instance: 'default',
    body: { ...productOf('barbican').rules },
  })
  const second = await session.key('1.1', [name])
  const { UniqueIdentifier } = await session.ask('1.1', 'Locate', locate([name]))
  assert.deepEqual(UniqueIdentifier.toSorted(), [first, second].toSorted())
  const back = server.admin.call(instanceRoutes.setInstance, {
    instance: 'default',
    body: { names: 'unique' },
  })
  await assert.rejects(back, /several objects have the name/)
})

test('PyKMIP: all attributes of a key hold none that its reader does not know', async () => {
  const id = await session.key('1.2', [attribute('Activation Date', 1n)])
  const { Attribute = [] } = await session.ask('1.2', 'GetAttributes', attributesOf(id))
  const names = Attribute.map(({ AttributeName }) => AttributeName)
  assert.ok(!names.includes('Original Creation Date') && names.includes('State'))
})
