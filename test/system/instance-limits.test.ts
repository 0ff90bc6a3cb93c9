// How much an instance may hold: objects and bytes. The bounds hold against clients that create at the same time, stop
// nothing but growth, and are announced at four fifths in status, health and metrics.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { AdminClient } from '../../src/doors/http/client.ts'
import type { Request } from '../../src/wire/kmip/operations.ts'
import { metricIn } from '../support/server/metrics.ts'
import { clientCertificate } from '../support/certificates/certificates.ts'
import {
  aes,
  openSession,
  template,
  text,
  type KmipSession,
  type Told,
} from '../support/clients/kmip-session.ts'
import { startInProcess, type RunningServer } from '../support/server/running.ts'
import { auditRoutes } from '../../src/features/audit/routes.ts'
import { instanceRoutes } from '../../src/features/instances/routes.ts'
import { statusRoutes } from '../../src/features/status/routes.ts'
import { tokenRoutes } from '../../src/features/tokens/routes.ts'

const cessation = { RevocationReason: { RevocationReasonCode: 'CessationOfOperation' } } as const

interface Setting {
  readonly server: RunningServer
  readonly sessions: readonly KmipSession[]
  readonly session: KmipSession
}

async function start(t: TestContext, connections = 1): Promise<Setting> {
  const server = await startInProcess()
  t.after(() => server[Symbol.asyncDispose]())
  const identity = await clientCertificate('self-signed')
  await server.trust('vcenter', identity)
  const sessions = await Promise.all(
    Array.from({ length: connections }, () => openSession(server.port, identity)),
  )
  for (const session of sessions) t.after(() => session[Symbol.dispose]())
  const [session] = sessions
  assert(session)
  return { server, sessions, session }
}

function opaque(bytes: number): Request<'Register'> {
  const OpaqueObject = { OpaqueDataType: 0x80000000, OpaqueDataValue: Buffer.alloc(bytes, 7) }
  return { ObjectType: 'OpaqueObject', ...template([]), OpaqueObject }
}

function set({ server }: Setting, body: { readonly objectsMax?: number; readonly bytesMax?: number }) {
  return server.admin.call(instanceRoutes.setInstance, { instance: 'default', body })
}

async function limitsNow({ server }: Setting) {
  return (await server.admin.call(instanceRoutes.showInstance, { instance: 'default' })).limits
}

test('an instance has defaults, and says how much of them it holds', async (t) => {
  const setting = await start(t)
  assert.deepEqual(await limitsNow(setting), {
    objects: { used: 0, max: 2_000_000 },
    bytes: { used: 0, max: 4 * 1024 ** 3 },
  })
  await setting.session.key('1.4')
  const { objects, bytes } = await limitsNow(setting)
  assert.equal(objects.used, 1)
  assert(bytes.used > 500 && bytes.used < 10_000, String(bytes.used))
})

test('clients that create at the same time do not pass the bound together', async (t) => {
  const setting = await start(t, 10)
  await set(setting, { objectsMax: 7 })
  const create = { operation: 'Create', request: aes() } as const
  const answers = await Promise.all(setting.sessions.map((session) => session.send('1.4', [create, create])))
  assert.equal(answers.flat().filter(({ status }) => status === 'Success').length, 7)
  for (const { status, reason, message } of answers.flat()) {
    if (status === 'Success') continue
    assert.equal(reason, 'IndexOutOfBounds', 'as KMIP 1.4 says Server Limit Exceeded')
    assert.match(
      message ?? '',
      /holds as many objects as it may \(7\).*mortise instance set NAME --objects-max/s,
    )
  }
  assert.equal((await limitsNow(setting)).objects.used, 7)
})

test('a full instance serves, revokes and destroys; what was destroyed makes room for another object', async (t) => {
  const setting = await start(t)
  const { session } = setting
  const UniqueIdentifier = await session.key('1.4')
  await set(setting, { objectsMax: 1 })
  assert.equal(await session.refused('1.4', 'Create', aes()), 'IndexOutOfBounds')
  await session.ask('1.4', 'Activate', { UniqueIdentifier })
  await session.ask('1.4', 'AddAttribute', { UniqueIdentifier, Attribute: text('x-Name', 'web') })
  await session.ask('1.4', 'Get', { UniqueIdentifier })
  await session.ask('1.4', 'Revoke', { UniqueIdentifier, ...cessation })
  assert.equal(await session.refused('1.4', 'Create', aes()), 'IndexOutOfBounds')
  await session.ask('1.4', 'Destroy', { UniqueIdentifier })
  await session.key('1.4')
  assert.equal(await session.refused('1.4', 'Create', aes()), 'IndexOutOfBounds')
  await set(setting, { objectsMax: 2 })
  await session.key('1.4')
  const { entries } = await setting.server.admin.call(auditRoutes.listInstanceAudit, {
    instance: 'default',
    query: { action: 'key.create', limit: 10 },
  })
  assert.equal(entries.filter(({ reason }) => reason === 'ServerLimitExceeded').length, 3)
})

test('objects that are created and destroyed again and again end at the bound of bytes', async (t) => {
  const setting = await start(t)
  const { session } = setting
  await set(setting, { bytesMax: 1_000_000 })
  const told: Told[] = []
  while (told.length < 100 && told.at(-1)?.status !== 'OperationFailed') {
    const registered = await session.one('1.4', { operation: 'Register', request: opaque(100_000) })
    told.push(registered)
    if (registered.status !== 'Success') continue
    const { UniqueIdentifier } = registered.payload as { readonly UniqueIdentifier: string }
    await session.ask('1.4', 'Destroy', { UniqueIdentifier })
  }
  assert.equal(told.length, 10)
  assert.equal(told.at(-1)?.reason, 'IndexOutOfBounds')
  assert.match(told.at(-1)?.message ?? '', /1000000 bytes.*--bytes-max/s)
  const { bytes } = await limitsNow(setting)
  assert(bytes.used > 900_000 && bytes.used <= 1_000_000, String(bytes.used))
  const large = aes([text('x-Large', 'x'.repeat(99_000))])
  assert.equal(await session.refused('1.4', 'Create', large), 'IndexOutOfBounds')
})

test('an attribute counts as bytes, and a change that makes an object smaller does not need room', async (t) => {
  const setting = await start(t)
  const { session } = setting
  const UniqueIdentifier = await session.key('1.4')
  await session.ask('1.4', 'AddAttribute', { UniqueIdentifier, Attribute: text('x-A', 'a'.repeat(5_000)) })
  await set(setting, { bytesMax: 1 })
  const more = { UniqueIdentifier, Attribute: text('x-B', 'b') }
  assert.equal(await session.refused('1.4', 'AddAttribute', more), 'IndexOutOfBounds')
  const longer = { UniqueIdentifier, Attribute: text('x-A', 'a'.repeat(5_001)) }
  assert.equal(await session.refused('1.4', 'ModifyAttribute', longer), 'IndexOutOfBounds')
  await session.ask('1.4', 'ModifyAttribute', { UniqueIdentifier, Attribute: text('x-A', 'a') })
  await session.ask('1.4', 'DeleteAttribute', { UniqueIdentifier, AttributeName: 'x-A' })
})

test('from four fifths on it is told, in words, in health and as a number', async (t) => {
  const setting = await start(t)
  const { server, session } = setting
  for (let made = 0; made < 3; made++) await session.key('1.4')
  const told = async () => {
    const { conditions } = await server.admin.call(statusRoutes.status)
    const { nearLimit } = await server.admin.call(statusRoutes.ready)
    const metrics = await server.admin.call(statusRoutes.metrics)
    const metric = metricIn(metrics, 'mortise_instances_near_limit')
    const ratio = metricIn(metrics, 'mortise_limit_used_ratio{limit="objects"}')
    return { near: conditions.filter(({ id }) => id === 'near-limit'), nearLimit, metric, ratio }
  }
  await set(setting, { objectsMax: 5 })
  assert.deepEqual(await told(), { near: [], nearLimit: [], metric: 0, ratio: 0.6 })
  await session.key('1.4')
  const { near, nearLimit, metric, ratio } = await told()
  assert.equal(nearLimit.length, 1)
  assert.deepEqual([metric, ratio], [1, 0.8])
  assert.match(near[0]?.message ?? '', /instance default holds 4 of 5 objects \(80 %\)/)
  assert.match(near[0]?.action ?? '', /mortise instance set default --objects-max/)
})

test('a token of the instance alone does not set its bounds', async (t) => {
  const setting = await start(t)
  const { id } = await set(setting, { objectsMax: 10 })
  const body = { name: 'tenant', role: 'manager', instance: id } as const
  const { token } = await setting.server.admin.call(tokenRoutes.createToken, { body })
  const { adminUrl: url, serverCertSha256: sha256 } = setting.server
  const admin = new AdminClient({ url, token, trust: { by: 'fingerprint', sha256 } })
  const raise = admin.call(instanceRoutes.setInstance, { instance: 'default', body: { objectsMax: 1_000 } })
  await assert.rejects(raise, { code: 'forbidden' })
  await admin.call(instanceRoutes.setInstance, { instance: 'default', body: { cacheSeconds: 60 } })
})
