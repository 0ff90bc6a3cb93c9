// Bad input through HTTP: refused in bounded time, in the documented shape, nothing changed.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import { routes } from '../../../src/program/routes.ts'
import { errorAnswer } from '../../../src/doors/http/error-answer.ts'
import { examples } from '../../support/server/examples.ts'
import { bytesBody, none, type Route } from '../../../src/doors/http/route.ts'
import { adminBodyBytesMax, certificateBytesMax, listPageMax } from '../../../src/base/bounds.ts'
import { adminPublicBodyBytesMax } from '../../../src/doors/http/application.ts'
import { adminHeaderBytesMax } from '../../../src/doors/http/server.ts'
import { startDoor, type TestDoor } from '../../support/server/admin-door.ts'

let door: TestDoor
let token: string
before(async () => {
  door = await startDoor({ requestTimeoutMs: 1_000 })
  token = await door.token('manager')
})
after(() => door.close())

const clients = '/api/v1/instances/red/clients'

async function rawSocket(): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: door.port, ca: door.authorityPem })
  await once(socket, 'secureConnect')
  return socket
}

/** Writes bytes as they are; the whole answer. */
async function raw(bytes: string): Promise<string> {
  const socket = await rawSocket()
  socket.on('error', () => {})
  socket.write(bytes)
  return text(socket)
}

function post(headers: string, body = ''): string {
  return `POST ${clients} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n${headers}\r\n${body}`
}

/** The whole answer to a path that is sent as it is. */
function get(path: string): Promise<string> {
  return raw(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  )
}

function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])
}

test('bodies of the wrong form are refused with what is wrong', async () => {
  const bodies: [unknown, RegExp][] = [
    [{}, /by/],
    [[], /body/],
    ['text', /body/],
    [null, /body/],
    [{ by: 'certificate', name: 'x' }, /body\.certificate/],
    [{ by: 'certificate', name: 7, certificate: 'x' }, /body\.name/],
    [{ by: 'certificate', name: '', certificate: 'x' }, /body\.name/],
    [{ by: 'certificate', name: 'n'.repeat(201), certificate: 'x' }, /body\.name/],
    [{ by: 'pending', name: 'x', sha256: 'abc' }, /whole SHA-256/],
    [{ by: 'certificate', name: 'x', certificate: 'x', more: 1 }, /more/],
    [{ by: 'certificate', name: 'x', certificate: 'c'.repeat(certificateBytesMax + 1) }, /body\.certificate/],
    [JSON.parse('{"__proto__": {"by": "pending"}, "constructor": 1}'), /by/],
  ]
  for (const [body, expected] of bodies) {
    const answer = await door.ask('POST', clients, { token, body })
    assert.equal(answer.status, 400, JSON.stringify(body).slice(0, 80))
    assert.match(errorAnswer.parse(answer.json).error.message, expected)
  }
})

test('a body that is not JSON, or not said to be, is refused', async () => {
  const broken = await raw(post('Content-Type: application/json\r\nContent-Length: 5\r\n', '{"by"'))
  assert.equal(statusOf(broken), 400)
  assert.match(broken, /not JSON/)
  assert.equal(statusOf(await raw(post('Content-Type: text/plain\r\nContent-Length: 2\r\n', '{}'))), 415)
  assert.equal(statusOf(await raw(post('Content-Length: 2\r\n', '{}'))), 415)
  assert.equal(statusOf(await raw(post('Content-Type: application/json\r\nContent-Length: 0\r\n'))), 400)
  const deep = '['.repeat(100_000)
  assert.equal(
    statusOf(await raw(post(`Content-Type: application/json\r\nContent-Length: ${deep.length}\r\n`, deep))),
    400,
  )
})

test('a huge body is refused, by its length before it comes and by its bytes when it comes in pieces', async () => {
  const announced = await raw(post('Content-Type: application/json\r\nContent-Length: 999999999999\r\n'))
  assert.equal(statusOf(announced), 413)
  const chunk = `${(65_536).toString(16)}\r\n${'x'.repeat(65_536)}\r\n`
  const socket = await rawSocket()
  socket.on('error', () => {})
  const answer = text(socket).catch(() => '')
  socket.write(post('Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n'))
  const most = (4 * adminBodyBytesMax) / 65_536
  for (let sent = 0; sent < most && socket.writable; sent++) {
    socket.write(chunk)
    await nextTurn()
  }
  assert.equal(statusOf(await answer), 413)
})

test('a query of the wrong form is refused, unknown names included', async () => {
  for (const query of [
    'limit=0',
    'limit=x',
    `limit=${listPageMax + 1}`,
    'stat=Active',
    'state=active',
    'after=z',
  ])
    assert.equal((await door.ask('GET', `/api/v1/instances/red/keys?${query}`, { token })).status, 400, query)
  for (const query of ['since=yesterday', 'limit=1&limit=2', 'certificate=12'])
    assert.equal((await door.ask('GET', `/api/v1/audit?${query}`, { token })).status, 400, query)
})

test('a Host that is not ours is refused before anything else, with a valid token too', async () => {
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '10.1.2.3',
    '127.0.0.1.nip.io',
    'evil.example:5697',
  ]) {
    const answer = await door.ask('GET', '/api/v1/instances', { token, headers: { Host: host } })
    assert.equal(answer.status, 421, host)
    assert.equal(errorAnswer.parse(answer.json).error.code, 'foreign-host')
  }
  for (const host of ['localhost', 'LOCALHOST:5697', '127.0.0.1', 'kms.example.test:1'])
    assert.equal(
      (await door.ask('GET', '/api/v1/instances', { token, headers: { Host: host } })).status,
      200,
      host,
    )
  assert.equal(statusOf(await raw('GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n')), 400)
})

test('paths that try to go elsewhere find nothing', async () => {
  const paths = [
    '/api/v1/instances/../../etc/passwd',
    '/api/v1/instances/%2e%2e/keys',
    '/api/v1/instances/red%2Fkeys',
    '/api/v1/instances/red/keys/%00',
    '/api/v1/instances/%ff%fe',
    '/api/v1//instances',
    '/API/v1/instances',
    '/api/v1/instances/',
    '/admin-token',
    `/api/v1/instances/${'a'.repeat(5_000)}`,
  ]
  for (const path of paths) {
    const answer = await get(path)
    assert([400, 404].includes(statusOf(answer)), `${path.slice(0, 60)}: ${answer.slice(0, 200)}`)
  }
})

test('a path is taken as it was sent: what leads to another path is not there', async () => {
  const paths = [
    '/health/../metrics',
    '/health/%2e%2e/metrics',
    '/health/.%2E/metrics',
    '/./metrics',
    '/metrics/.',
    '/metrics#x',
    'https://localhost/health/../metrics',
    '/%6detrics',
    '/api/v1/%69nstances',
    '/api/v1/instances/red/keys/x/%61ctivate',
  ]
  for (const path of paths) {
    const answer = await get(path)
    assert.equal(statusOf(answer), 404, `${path}: ${answer.slice(0, 200)}`)
    assert.match(answer, /"code":"not-found"/)
  }
  for (const path of ['/health\\..\\metrics', '/health\\live'])
    assert([400, 404].includes(statusOf(await get(path))), path)
  for (const path of [
    '/metrics',
    '/metrics?x=1',
    'https://localhost/metrics',
    '/api/v1/instances/%72ed/keys',
  ])
    assert.notEqual(statusOf(await get(path)), 404, path)
})

test('a known path takes its methods only, and says which', async () => {
  for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    const answer = await door.ask(method, clients, { token })
    assert.equal(answer.status, 405, method)
    assert.equal(answer.headers['allow'], 'GET, POST')
  }
})

test('a token elsewhere than in the header does not count', async () => {
  assert.equal((await door.ask('GET', `/api/v1/instances?token=${token}`)).status, 401)
  assert.equal(
    (await door.ask('GET', '/api/v1/instances', { headers: { Cookie: `token=${token}` } })).status,
    401,
  )
  assert.equal(
    (await door.ask('GET', '/api/v1/instances', { headers: { Authorization: `Basic ${token}` } })).status,
    401,
  )
  assert.equal(
    (await door.ask('GET', '/api/v1/instances', { headers: { Authorization: `Bearer ${token} x` } })).status,
    401,
  )
})

test('what is no HTTP gets a short no; headers without end too', async () => {
  assert.equal(statusOf(await raw('\x00\x01\x02\r\n\r\n')), 400)
  const endless = await raw(
    `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(adminHeaderBytesMax)}\r\n\r\n`,
  )
  assert.equal(statusOf(endless), 431)
  assert.match(endless, /"code":"headers-too-large"/)
})

test('what makes no URL gets an error of the same shape as every other', async () => {
  const close = 'Connection: close\r\n\r\n'
  const requests = [
    `GET / HTTP/1.1\r\n${close}`,
    `GET / HTTP/1.1\r\nHost:\r\n${close}`,
    `GET / HTTP/1.1\r\nHost: a@localhost\r\n${close}`,
    `GET /a\\b HTTP/1.1\r\nHost: localhost\r\n${close}`,
    `OPTIONS * HTTP/1.1\r\nHost: localhost\r\n${close}`,
  ]
  for (const request of requests) {
    const answer = await raw(request)
    assert.equal(statusOf(answer), 400, request)
    const body = /\{.*\}/.exec(answer)?.[0] ?? 'null'
    assert.equal(errorAnswer.parse(JSON.parse(body)).error.code, 'bad-request', request)
  }
})

test('a sender that is slow is cut off in time, and holds up nobody', async () => {
  const slow = await rawSocket()
  const answer = text(slow)
  slow.write(post('Content-Type: application/json\r\nContent-Length: 100\r\n', '{'))
  const dripping = setInterval(() => slow.writable && slow.write(' '), 200)
  slow.on('error', () => {})
  const other = await door.ask('GET', '/api/v1/instances', { token })
  assert.equal(other.status, 200)
  const whole = await answer.catch(() => '')
  clearInterval(dripping)
  assert(whole === '' || statusOf(whole) === 408, whole)
})

test('answers say that they are not to be kept, and carry their request id', async () => {
  const { headers } = await door.ask('GET', '/api/v1/instances', { token })
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.match(String(headers['x-request-id']), /^[0-9a-f-]{36}$/)
  const refused = await door.ask('GET', '/api/v1/instances/none', { token })
  assert.equal(errorAnswer.parse(refused.json).error.requestId, refused.headers['x-request-id'])
})

// ---------------------------------------------------------------- made from the route table

const table: [string, Route][] = Object.entries(routes)
const withBody = table.filter(([, line]) => line.body !== none && line.body !== bytesBody)

/** A path that is there as far as the instance goes. */
function pathOf({ path }: Route): string {
  return path.replace('{instance}', 'red').replaceAll(/\{\w+\}/g, 'none-such')
}

/** Everything about the instance that a request could change. */
async function stateOf(): Promise<string> {
  const { context, red, blue } = door
  const { tables } = await context.access.snapshot()
  const rows = Object.entries(tables).map(([kind, rows]) => [kind, [...rows.values()]])
  const objects = [await context.store.objectCounts(red.id, 0), await context.store.objectCounts(blue.id, 0)]
  return JSON.stringify([rows, objects])
}

test('bodies of the wrong form are refused by every route that takes one, and change nothing', async () => {
  const before = await stateOf()
  const wrong = [
    [],
    'text',
    null,
    7,
    true,
    { '': 1 },
    { unknown: 1 },
    JSON.parse('{"__proto__":{"name":"x"}}') as unknown,
  ]
  for (const [name, line] of withBody)
    for (const body of wrong) {
      const answer = await door.ask(line.method.toUpperCase(), pathOf(line), { token, body })
      // What names nothing unknown may be refused for what is not there.
      assert([400, 404].includes(answer.status), `${name} ${JSON.stringify(body)}: ${answer.text}`)
      errorAnswer.parse(answer.json)
    }
  assert.equal(await stateOf(), before)
})

test('each field of each body takes its own type only', async () => {
  const before = await stateOf()
  let tried = 0
  for (const [name, line] of withBody) {
    // A credential costs half a second for its password; what else a client may be given does not.
    const { credential: _, ...example } = (
      examples[name as keyof typeof examples] as { body: Record<string, unknown> }
    ).body
    for (const [field, good] of Object.entries(example)) {
      for (const value of strange(good)) {
        const body = { ...example, [field]: value }
        if (line.body.safeParse(JSON.parse(JSON.stringify(body))).success) continue
        const answer = await door.ask(line.method.toUpperCase(), pathOf(line), { token, body })
        const isLong = line.scope === 'public' && JSON.stringify(body).length > adminPublicBodyBytesMax
        const expected = isLong ? 413 : 400
        assert.equal(answer.status, expected, `${name} ${JSON.stringify(body).slice(0, 200)}: ${answer.text}`)
        assert(errorAnswer.parse(answer.json).error.message.includes('body'), answer.text)
        tried++
      }
    }
  }
  assert(tried > 100, String(tried))
  assert.equal(await stateOf(), before)
})

/** Values of another type than the good one, or far too much of it. */
function strange(good: unknown): unknown[] {
  const values = [
    null,
    {},
    [],
    [good],
    '',
    0,
    -1,
    1.5,
    true,
    'x'.repeat(100_000),
    '\u0000',
    '\u202e',
    '..',
    { $ne: 1 },
  ]
  return values.filter((value) => typeof value !== typeof good || value !== good)
}

test('queries that a route does not know are refused by every route that takes one, and each is bounded', async () => {
  for (const [name, line] of table) {
    const shape = 'shape' in line.query ? Object.keys(line.query.shape as object) : undefined
    if (shape === undefined || line.scope === 'public') continue
    const ask = (query: string) => door.ask(line.method.toUpperCase(), `${pathOf(line)}?${query}`, { token })
    assert.equal((await ask('unknown=1')).status, 400, name)
    for (const field of shape) {
      assert.equal((await ask(`${field}=${'x'.repeat(5_000)}`)).status, 400, `${name} ${field}`)
      assert.equal((await ask(`${field}=a&${field}=b`)).status, 400, `${name} ${field}`)
    }
  }
})

test('path parameters of any form find nothing and break nothing', async () => {
  const before = await stateOf()
  const names = [
    '%00',
    '%2e%2e',
    '%2e%2e%2fred',
    '*',
    '%25',
    "'%20OR%20''='",
    '%7B%7D',
    'a'.repeat(2_000),
    '%F0%9F%94%91',
    '__proto__',
  ]
  for (const [name, line] of table) {
    if (!/\{(?!instance)\w+\}/.test(line.path) || name === 'deleteInstance') continue
    const example = (examples[name as keyof typeof examples] as { body?: unknown }).body
    for (const odd of names) {
      const path = line.path.replace('{instance}', 'red').replaceAll(/\{\w+\}/g, odd)
      const answer = await door.ask(line.method.toUpperCase(), path, { token, body: example })
      assert([400, 404].includes(answer.status), `${name} ${path}: ${answer.status} ${answer.text}`)
    }
  }
  assert.equal(await stateOf(), before)
})

test('no text that a schema lets through ends in an error of the server', async () => {
  const texts = [
    '\u0000',
    'a\u0000b',
    '\ud800',
    '\u202e',
    '../../etc/passwd',
    'file:a\u0000.key',
    'file:',
    'file:../x.key',
    'file:mortise.db',
    'CN=*,O=(',
    'é'.repeat(200),
    '🔑',
    "' OR ''='",
    '${x}',
    '-1',
    '%s%n',
    '<b>',
    'x'.repeat(1_024),
  ]
  for (const [name, line] of withBody) {
    if (line.slow) continue
    // A credential costs half a second for its password; what else a client may be given does not.
    const { credential: _, ...example } = (
      examples[name as keyof typeof examples] as { body: Record<string, unknown> }
    ).body
    const fields = Object.keys(example).filter((field) => typeof example[field] === 'string')
    for (const field of [
      ...fields,
      'name',
      'rootKey',
      'reason',
      'message',
      'instance',
      'subject',
      'authority',
    ])
      // At once, since some wait for a service that is not there.
      await Promise.all(
        texts.map(async (value) => {
          const body = { ...example, [field]: value }
          if (!line.body.safeParse(body).success) return
          const path = pathOf(line).replace('/red', `/${door.blue.id}`)
          const answer = await door.ask(line.method.toUpperCase(), path, { token, body })
          assert(answer.status < 500, `${name} ${JSON.stringify(body).slice(0, 200)}: ${answer.text}`)
        }),
      )
  }
  const queries = table.filter(([, line]) => 'shape' in line.query)
  for (const [name, line] of queries)
    for (const field of Object.keys((line.query as unknown as { shape: object }).shape))
      for (const value of texts) {
        const path = `${pathOf(line)}?${field}=${encodeURIComponent(value.toWellFormed())}`
        const answer = await door.ask(line.method.toUpperCase(), path, { token })
        assert(answer.status < 500, `${name} ${path}: ${answer.text}`)
      }
  assert.deepEqual(door.bugs, [])
})

test('after all of this nothing changed and nothing broke', async () => {
  assert.deepEqual((await door.ask('GET', clients, { token })).json, [])
  assert.deepEqual(door.bugs, [])
})
