// What one request of the admin API may take of the server: bodies on public routes, the text of a refusal, large answers.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { connect } from 'node:tls'
import { errorAnswer } from '../../../src/doors/http/error-answer.ts'
import type { CorePorts } from '../../../src/core/server/core.ts'
import { adminBodyBytesMax } from '../../../src/base/bounds.ts'
import { adminPublicBodyBytesMax } from '../../../src/doors/http/application.ts'
import type { AuditQuery } from '../../../src/core/ports/audit.ts'
import { startDoor, type DoorSettings, type TestDoor } from '../../support/server/admin-door.ts'
import { StoreAround } from '../../support/store/store-around.ts'

async function opened(t: TestContext, settings?: DoorSettings): Promise<TestDoor> {
  const door = await startDoor(settings)
  t.after(() => door.close())
  return door
}

const messageOf = (json: unknown) => errorAnswer.parse(json).error.message

test('a public route takes 16 KiB, and others as much as before', async (t) => {
  const door = await opened(t)
  const body = { redirectUri: 'x'.repeat(adminPublicBodyBytesMax) }
  const { status, json } = await door.ask('POST', '/api/v1/login', { body })
  assert.equal(status, 413)
  assert.match(messageOf(json), /at most 16384 bytes/)
  const token = await door.token('manager')
  const refused = await door.ask('POST', '/api/v1/tokens', { token, body: { name: 'x'.repeat(100_000) } })
  assert.equal(refused.status, 400)
})

for (const [name, path] of Object.entries({
  'a route that refuses it': '/api/v1/login',
  'a route that takes no body': '/api/v1/login/device',
  'a route that asks for a token': '/api/v1/tokens',
}))
  test(`a long body to ${name} is not read to its end: the connection ends`, async (t) => {
    const door = await opened(t)
    const stranger = connect({ host: '127.0.0.1', port: door.port, ca: door.authorityPem })
    stranger.on('error', () => {})
    await once(stranger, 'secureConnect')
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`
    stranger.write(`${head}Content-Length: ${adminBodyBytesMax}\r\n\r\n{`)
    const [answer] = (await once(stranger, 'data')) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 4\d\d .*\r\nconnection: close\r\n/is)
    stranger.resume()
    await once(stranger, 'close')
  })

test('a refusal names five faults at most, and says how many more there are', async (t) => {
  const door = await opened(t)
  const token = await door.token('manager')
  const unknown = Object.fromEntries(Array.from({ length: 1_000 }, (_, number) => [`field ${number}`, 0]))
  const many = await door.ask('POST', '/api/v1/tokens', {
    token,
    body: { name: 'x', role: 'viewer', ...unknown },
  })
  assert.equal(
    messageOf(many.json),
    `${[0, 1, 2, 3, 4].map((n) => `body: there is no field "field ${n}"`).join('; ')}; and 995 more faults`,
  )
  const wrong = { name: 7, role: 7, owner: 7, expiresDays: 'x', instance: 7, more: 1, ['y'.repeat(5_000)]: 1 }
  const message = messageOf((await door.ask('POST', '/api/v1/tokens', { token, body: wrong })).json)
  assert.equal(message.split('; ').length, 6)
  assert.match(message, /; and 2 more faults$/)
  const long = { name: 'x', role: 'viewer', ['y'.repeat(5_000)]: 1 }
  const short = messageOf((await door.ask('POST', '/api/v1/tokens', { token, body: long })).json)
  assert.equal(short, `body: there is no field "${'y'.repeat(100)}…"`)
})

test('pages of the audit are made one at a time', async (t) => {
  let running = 0
  const seen: number[] = []
  const slowStore = (store: CorePorts['store']) =>
    new (class extends StoreAround {
      override async audit(query: AuditQuery) {
        seen.push(++running)
        const page = await super.audit(query)
        for (let round = 0; round < 100; round++) await new Promise(setImmediate)
        running--
        return page
      }
    })(store)
  const door = await opened(t, { around: slowStore })
  const token = await door.token('viewer')
  const eight = (path: string) =>
    Promise.all(Array.from({ length: 8 }, () => door.ask('GET', path, { token })))
  // The connections are there when the pages are asked for.
  await eight('/health/live')
  const pages = await eight('/api/v1/audit?limit=1000')
  assert.deepEqual(new Set(pages.map(({ status }) => status)), new Set([200]))
  assert.deepEqual(
    seen,
    Array.from({ length: 8 }, () => 1),
  )
})
