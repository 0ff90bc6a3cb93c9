// Batches (KMIP 1.4 §6.12 to §6.15, §11.43) through the mTLS listener: Stop, Continue and Undo, their audit entries,
// and the ID Placeholder from one item to the next.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  aes,
  attribute,
  attributesOf,
  batch,
  locate,
  nameAttribute,
  served,
  text,
  type Asked,
  type KmipSession,
  type Told,
} from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'
import { statusRoutes } from '../../../src/features/status/routes.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

const create: Asked = { operation: 'Create', request: aes() }
const get: Asked = { operation: 'Get', request: {} }
const activate: Asked = { operation: 'Activate', request: {} }
const unknown: Asked = { operation: 'Get', request: { UniqueIdentifier: 'no such object' } }

function add(name: string): Asked {
  return { operation: 'AddAttribute', request: { Attribute: text(name, name) } }
}

function named(name: string): Asked {
  return { operation: 'Create', request: aes([nameAttribute(name)]) }
}

function results(answers: readonly Told[]): string[] {
  return answers.map(({ status, reason }) => reason ?? status)
}

function identifier(answers: Told | undefined): string {
  return String(field(answers, 'UniqueIdentifier'))
}

/** A field of the answer's payload. */
function field(answers: Told | undefined, name: string): unknown {
  assert.equal(answers?.status, 'Success')
  return (answers.payload as Readonly<Record<string, unknown>>)[name]
}

async function entriesOf(object: string): Promise<string[]> {
  const query = { object, limit: 100 }
  const { entries } = await server.admin.call(auditRoutes.listInstanceAudit, { instance: 'default', query })
  return entries.map(({ action, result }) => `${action} ${result}`).toReversed()
}

for (const version of served) {
  test(`${version}: the placeholder goes from Create to Get, Activate, Add Attribute and Get Attributes`, async () => {
    const asked = batch(create, get, activate, add('x-One'), add('x-Two'), {
      operation: 'GetAttributes',
      request: attributesOf(undefined, 'State', 'x-Two'),
    })
    const answers = await session.send(version, asked, { batchOrderOption: true })
    assert.deepEqual(
      results(answers),
      Array.from({ length: 6 }, () => 'Success'),
    )
    const id = identifier(answers[0])
    assert.ok(answers.every((one) => identifier(one) === id))
    assert.deepEqual(field(answers[5], 'Attribute'), [
      { AttributeName: 'State', AttributeValue: 'Active' },
      { AttributeName: 'x-Two', AttributeValue: { type: 'TextString', value: 'x-Two' } },
    ])
    assert.deepEqual(results(await session.send(version, [get])), ['ItemNotFound'], 'it ends with the batch')
  })

  test(`${version}: Locate sets the placeholder when it finds exactly one, and empties it otherwise`, async () => {
    const group = attribute('Object Group', `placeholder ${version}`)
    const find: Asked = { operation: 'Locate', request: locate([group]) }
    const first: Asked = { operation: 'Locate', request: locate([group], { MaximumItems: 1 }) }
    const run = (...asked: Asked[]) =>
      session.send(version, batch(...asked), { batchErrorContinuationOption: 'Continue' })
    assert.deepEqual(results(await run(create, find, get)), ['Success', 'Success', 'ItemNotFound'])
    const id = await session.key(version, [group])
    const answers = await run(find, get, activate)
    assert.deepEqual(results(answers), ['Success', 'Success', 'Success'])
    assert.equal(identifier(answers[1]), id)
    const second = await session.key(version, [group])
    assert.deepEqual(results(await run(create, find, get)), ['Success', 'Success', 'ItemNotFound'])
    assert.equal(identifier((await run(create, first, get))[2]), second)
  })

  test(`${version}: Stop answers up to what failed, and keeps what was done`, async () => {
    const answers = await session.send(version, batch(create, activate, unknown, create))
    assert.deepEqual(results(answers), ['Success', 'Success', 'ItemNotFound'])
    assert.deepEqual(await session.values(version, identifier(answers[0]), 'State'), ['Active'])
    const header = { batchErrorContinuationOption: 'Stop' } as const
    assert.deepEqual(results(await session.send(version, batch(unknown, create), header)), ['ItemNotFound'])
  })

  test(`${version}: Continue answers all, and a failure leaves the placeholder as it was`, async () => {
    const answers = await session.send(version, batch(create, unknown, activate, activate, get), {
      batchErrorContinuationOption: 'Continue',
    })
    assert.deepEqual(results(answers), ['Success', 'ItemNotFound', 'Success', 'PermissionDenied', 'Success'])
    assert.equal(identifier(answers[4]), identifier(answers[0]))
  })

  test(`${version}: Undo leaves nothing of what it did but the record of it`, async () => {
    const survivor = await session.key(version)
    const before = (await session.ask(version, 'Locate', locate([]))).UniqueIdentifier
    const change: Asked = {
      operation: 'AddAttribute',
      request: { UniqueIdentifier: survivor, Attribute: text('x-Undone', 'never') },
    }
    const answers = await session.send(
      version,
      batch(change, named(`undone ${version}`), activate, get, unknown, create),
      { batchErrorContinuationOption: 'Undo' },
    )
    const undone = 'OperationUndone'
    assert.deepEqual(results(answers), [undone, undone, undone, undone, 'ItemNotFound'])
    assert.deepEqual((await session.ask(version, 'Locate', locate([]))).UniqueIdentifier, before)
    assert.deepEqual(await session.values(version, survivor, 'x-Undone'), [])
    assert.deepEqual(await entriesOf(survivor), [
      'key.create success',
      'key.attribute.add undone',
      'key.attributes success',
    ])
    assert.deepEqual((await entriesOf('no such object')).at(-1), 'key.get refused')
    await session.key(version, [nameAttribute(`undone ${version}`)])
  })

  test(`${version}: Undo in which nothing fails does all of it`, async () => {
    const header = { batchErrorContinuationOption: 'Undo' } as const
    const answers = await session.send(version, batch(create, activate, add('x-Done'), get), header)
    assert.deepEqual(results(answers), ['Success', 'Success', 'Success', 'Success'])
    const id = identifier(answers[0])
    assert.deepEqual(await session.values(version, id, 'State'), ['Active'])
    assert.equal((await session.values(version, id, 'x-Done')).length, 1)
  })

  test(`${version}: in a batch with Undo a Name that is taken is the fault of the item that takes it`, async () => {
    const name = `twice in a batch ${version}`
    const header = { batchErrorContinuationOption: 'Undo' } as const
    const answers = await session.send(version, batch(named(name), activate, named(name)), header)
    assert.deepEqual(results(answers), ['OperationUndone', 'OperationUndone', 'InvalidField'])
    const id = await session.key(version, [nameAttribute(name)])
    const again = await session.send(version, batch(create, named(name)), header)
    assert.deepEqual(results(again), ['OperationUndone', 'InvalidField'])
    const moved = await session.send(
      version,
      batch({ operation: 'Destroy', request: { UniqueIdentifier: id } }, named(name)),
      header,
    )
    assert.deepEqual(results(moved), ['Success', 'Success'])
  })

  test(`${version}: an operation that is not handled, or not in the version, fails alone`, async () => {
    // A server sends it to a client.
    const later: Asked = {
      operation: 'Notify',
      request: { UniqueIdentifier: 'x', Attribute: [], AttributeReference: [] },
    }
    const header = { batchErrorContinuationOption: 'Continue' } as const
    const answers = await session.send(version, batch(create, later, get), header)
    assert.deepEqual(results(answers), ['Success', 'OperationNotSupported', 'Success'])
    const undo = { batchErrorContinuationOption: 'Undo' } as const
    const undone = await session.send(version, batch(create, later, get), undo)
    assert.deepEqual(results(undone), ['OperationUndone', 'OperationNotSupported'])
    if (version !== '1.0') return
    const discover: Asked = { operation: 'DiscoverVersions', request: { ProtocolVersion: [] } }
    assert.deepEqual(results(await session.send(version, [discover])), ['OperationNotSupported'])
  })

  test(`${version}: a refusal of a taken Name is in the audit, with its reason`, async () => {
    const name = nameAttribute(`refused ${version}`)
    const id = await session.key(version, [name])
    const other = await session.key(version)
    await session.refused(version, 'AddAttribute', { UniqueIdentifier: other, Attribute: name })
    assert.deepEqual(await entriesOf(other), ['key.create success', 'key.attribute.add refused'])
    assert.deepEqual(await entriesOf(id), ['key.create success'])
  })
}

test('a hundred items in one batch, all of them', async () => {
  const asked = batch(...Array.from({ length: 100 }, () => create))
  const answers = await session.send('1.1', asked)
  assert.equal(new Set(answers.map(identifier)).size, 100)
})

test('a batch has a maximum size', async () => {
  const asked = Array.from({ length: 1001 }, (): Asked => ({ ...get, id: Buffer.from('same') }))
  const payload = { operation: 'Get', request: {} } as const
  const answers = await session.send(
    '1.1',
    asked.slice(0, 1000).map((one) => ({ ...one, ...payload })),
    {
      batchErrorContinuationOption: 'Continue',
    },
  )
  assert.equal(answers.length, 1000)
})

test('items of one batch see the effects of earlier items, also with Undo', async () => {
  const group = attribute('Object Group', 'seen within')
  const made: Asked = { operation: 'Create', request: aes([group]) }
  const find: Asked = { operation: 'Locate', request: locate([group]) }
  const header = { batchErrorContinuationOption: 'Undo' } as const
  const answers = await session.send('1.2', batch(made, made, find), header)
  assert.deepEqual(field(answers[2], 'UniqueIdentifier'), [identifier(answers[1]), identifier(answers[0])])
})

/** The seconds of all operations so far, and their number. */
async function charged(): Promise<{ readonly seconds: number; readonly items: number }> {
  const metrics = await server.admin.call(statusRoutes.metrics)
  const sum = (name: string) =>
    [...metrics.matchAll(new RegExp(`^mortise_kmip_operation_seconds_${name}\\{.*\\} (\\S+)$`, 'gm'))]
      .map(([, value]) => Number(value))
      .reduce((total, value) => total + value, 0)
  return { seconds: sum('sum'), items: sum('count') }
}

for (const option of ['Stop', 'Continue', 'Undo'] as const)
  test(`each moment of a batch with ${option} is charged to one of its items`, async () => {
    const before = await charged()
    const began = performance.now()
    const answers = await session.send('1.4', batch(...Array.from({ length: 50 }, () => create)), {
      batchErrorContinuationOption: option,
    })
    const passed = (performance.now() - began) / 1000
    const after = await charged()
    assert.equal(answers.length, 50)
    assert.equal(after.items - before.items, 50)
    const seconds = after.seconds - before.seconds
    assert(seconds > 0 && seconds <= passed, `${seconds} s are charged, and ${passed} s have passed`)
  })
