// The inventory: pages, what may not be read, what a caller leaves behind that has enough, and answers without an end.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { VsphereError } from '../../../src/outside/vsphere-api/errors.ts'
import { inventoryObjects } from '../../../src/outside/vsphere-api/inventory.ts'
import { openSession } from '../../../src/outside/vsphere-api/session.ts'
import { answer, ApiServer, fault, type ApiReply } from './api-server.ts'

const query = { type: 'VirtualMachine', paths: ['name', 'config.keyId'] }

function vm(id: number, more = ''): string {
  return `<objects><obj type="VirtualMachine">vm-${id}</obj><propSet><name>name</name><val>n${id}</val></propSet>${more}</objects>`
}

function page(content: string, token?: string): string {
  return `<returnval>${token === undefined ? '' : `<token>${token}</token>`}${content}</returnval>`
}

async function site(t: TestContext, replies: Readonly<Record<string, ApiReply>>) {
  const server = await ApiServer.start(t, {
    CreateContainerView: '<returnval type="ContainerView">view-1</returnval>',
    DestroyView: '',
    CreatePropertyCollector: '<returnval type="PropertyCollector">own</returnval>',
    DestroyPropertyCollector: '',
    ...replies,
  })
  const session = await openSession(server.connect(t), { user: 'u', password: Buffer.from('p') })
  server.calls.length = 0
  return { server, session }
}

const first = ['CreatePropertyCollector', 'CreateContainerView', 'RetrievePropertiesEx']
const last = ['DestroyPropertyCollector', 'DestroyView']

function isError(message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof VsphereError, String(error))
    assert.match(error.message, message)
    return true
  }
}

test('objects come page by page, with what may not be read, and the view is gone at the end', async (t) => {
  const key =
    '<propSet><name>unset</name></propSet><propSet><name>config.keyId</name><val><keyId>k</keyId></val></propSet>'
  const missing = '<missingSet><path>config.keyId</path><fault><fault/></fault></missingSet>'
  let round = 0
  const { server, session } = await site(t, {
    RetrievePropertiesEx: page(vm(1, key) + vm(2, missing), 't1'),
    ContinueRetrievePropertiesEx: (response, { name, body }) => {
      round++
      assert.match(body, new RegExp(`<token>t${round}</token>`))
      response.end(answer(name, round === 1 ? page(vm(3), 't2') : page(vm(4))))
    },
  })
  const objects = await collect(inventoryObjects(session, query))
  assert.deepEqual(
    objects.map(({ ref, values, unreadable }) => [
      ref.id,
      values.get('name')?.text,
      values.get('config.keyId')?.children[0]?.text,
      unreadable,
    ]),
    [
      ['vm-1', 'n1', 'k', []],
      ['vm-2', 'n2', undefined, ['config.keyId']],
      ['vm-3', 'n3', undefined, []],
      ['vm-4', 'n4', undefined, []],
    ],
  )
  const next = 'ContinueRetrievePropertiesEx'
  assert.deepEqual(server.names, [...first, next, next, ...last])
  assert.match(server.calls[2]?.body ?? '', /<pathSet>name<\/pathSet>.*<maxObjects>500<\/maxObjects>/)
})

test('no objects are an empty inventory', async (t) => {
  const { server, session } = await site(t, { RetrievePropertiesEx: '' })
  assert.deepEqual(await collect(inventoryObjects(session, query)), [])
  assert.deepEqual(server.names, [...first, ...last])
})

test('a caller that has enough leaves neither a view nor pages behind', async (t) => {
  const { server, session } = await site(t, {
    RetrievePropertiesEx: page(vm(1), 't1'),
    ContinueRetrievePropertiesEx: page(vm(2) + vm(3), 't2'),
  })
  for await (const { ref } of inventoryObjects(session, query)) if (ref.id === 'vm-2') break
  assert.deepEqual(server.names, [...first, 'ContinueRetrievePropertiesEx', ...last])
})

test('pages without an end, without objects, or without a name are errors', async (t) => {
  const endless = await site(t, {
    RetrievePropertiesEx: page(vm(1), 't'),
    ContinueRetrievePropertiesEx: page(
      '<objects><obj type="VirtualMachine">v</obj></objects>'.repeat(100_000),
      't',
    ),
  })
  let count = 0
  await assert.rejects(
    async () => {
      const objects = inventoryObjects(endless.session, query)
      while ((await objects.next()).done !== true) count++
    },
    isError(/more than 200000 objects/),
  )
  assert.equal(count, 200_000)
  for (const [reply, message] of [
    [page('', 't'), /a page without objects/],
    [page('<objects><propSet><name>n</name><val/></propSet></objects>'), /lacks the object/],
  ] as const) {
    const { server, session } = await site(t, { RetrievePropertiesEx: reply })
    await assert.rejects(collect(inventoryObjects(session, query)), isError(message))
    assert.equal(server.names.at(-1), 'DestroyView')
  }
})

test('a session that ends meanwhile is an error, since the view has ended with it', async (t) => {
  const { server, session } = await site(t, {
    RetrievePropertiesEx: page(vm(1), 't'),
    ContinueRetrievePropertiesEx: fault('NotAuthenticated', 'no'),
  })
  await assert.rejects(collect(inventoryObjects(session, query)), isError(/NotAuthenticated/))
  assert.ok(!server.names.includes('Login'))
})

async function collect<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}
