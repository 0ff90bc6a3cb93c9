// Answers that are too large, endless, slow, silent or no answers at all: each call ends in bounded time and memory, and says why.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AnswerLimits, XmlAnswer } from '../../../src/outside/vsphere-api/connection.ts'
import { VsphereError, type VsphereErrorKind } from '../../../src/outside/vsphere-api/errors.ts'
import type { XmlElement } from '../../../src/outside/vsphere-api/xml.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'
import { failsInTime } from '../../support/time/passing-time.ts'
import { ApiServer } from './api-server.ts'

const get = { method: 'GET', path: '/x' } as const

type Respond = (response: ServerResponse) => unknown

async function site(t: TestContext, respond: Respond) {
  const server = await ApiServer.start(t, { '/x': respond })
  return { server, connection: server.connect(t) }
}

function isError(kind: VsphereErrorKind, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof VsphereError, String(error))
    assert.equal(error.kind, kind, error.message)
    assert.match(error.message, message)
    return true
  }
}

/** Writes as long as the connection takes it. */
async function pour(response: ServerResponse, piece: string, bytesMax = Infinity): Promise<void> {
  const closed = once(response, 'close')
  for (let bytes = 0; bytes < bytesMax && !response.destroyed; bytes += piece.length)
    if (!response.write(piece)) await Promise.race([once(response, 'drain'), closed])
}

test('calls share a connection, and one with another certificate is not used', async (t) => {
  const { server, connection } = await site(t, (response) => response.end('<a><b>x</b></a>'))
  for (let round = 0; round < 3; round++) {
    const { status, root } = await connection.exchange(get)
    assert.deepEqual([status, root.name, root.children[0]?.text], [200, 'a', 'x'])
  }
  assert.equal(server.connections, 1)
  server.show(await makeCertificate({ key: 'ec', ownKey: true }))
  server.replies = { '/x': (response) => response.setHeader('Connection', 'close').end('<a/>') }
  await connection.exchange(get)
  await assert.rejects(connection.exchange(get), isError('certificate', /another certificate/))
  assert.equal(server.calls.length, 4)
})

test('four calls run at once, and the fifth waits', async (t) => {
  const responses: ServerResponse[] = []
  const four = Promise.withResolvers<undefined>()
  const { server, connection } = await site(t, (response) => {
    if (responses.push(response) === 4) four.resolve(undefined)
  })
  const calls = Array.from({ length: 5 }, () => connection.exchange(get))
  await four.promise
  assert.equal(server.connections, 4)
  server.replies = { '/x': (response) => response.end('<a/>') }
  for (const response of responses) response.end('<a/>')
  await Promise.all(calls)
  assert.equal(server.connections, 4)
  assert.equal(server.calls.length, 5)
})

const refusals: Readonly<Record<string, readonly [Respond, VsphereErrorKind, RegExp]>> = {
  'with too much text': [
    (response) => {
      response.write('<a><b>')
      return pour(response, `${'x'.repeat(60_000)}</b><b>`)
    },
    'answer',
    /is refused: it has more than 33554432 (bytes|characters of text)/,
  ],
  'without an end': [
    (response) => {
      response.write('<a>')
      return pour(response, `<!--${'x'.repeat(60_000)}-->`)
    },
    'answer',
    /is refused: it has more than 33554432 bytes/,
  ],
  'with too many elements': [
    (response) => {
      response.write('<a>')
      return pour(response, '<b/>'.repeat(10_000))
    },
    'answer',
    /is refused: it has more than 200000 elements/,
  ],
  'of a web page': [
    (response) => response.end('<!DOCTYPE html><html><br></html>'),
    'answer',
    /is refused: it has a document type/,
  ],
  'of wrong XML': [
    (response) => response.end('<a><b></a>'),
    'answer',
    /is refused: it is not well-formed XML/,
  ],
  'of nothing': [(response) => response.end(''), 'answer', /is refused/],
  'in an encoding': [
    (response) => response.writeHead(200, { 'Content-Encoding': 'gzip' }).end('<a/>'),
    'answer',
    /is not vCenter's API/,
  ],
  'that is a reset': [(response) => response.socket?.destroy(), 'unreachable', /cannot be reached/],
  'that breaks off': [
    (response) => response.write('<a><b>', () => response.socket?.destroy()),
    'unreachable',
    /cannot be reached/,
  ],
  'in another protocol': [
    (response) => response.socket?.end('SSH-2.0-OpenSSH_9.2\r\n'),
    'answer',
    /it is not HTTP/,
  ],
  'that changes the protocol': [
    (response) =>
      response.socket?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
    'unreachable',
    /without an answer/,
  ],
}

for (const [name, [respond, kind, message]] of Object.entries(refusals))
  test(`an answer ${name} is an error at once`, async (t) => {
    const { connection } = await site(t, respond)
    await assert.rejects(connection.exchange(get), isError(kind, message))
  })

test('an HTTP status that SOAP does not have is named, and that services are down', async (t) => {
  const { server, connection } = await site(t, () => undefined)
  const statusOf = (status: number, kind: VsphereErrorKind, message: string) => {
    server.replies = { '/x': (response) => response.writeHead(status).end() }
    return assert.rejects(
      connection.exchange(get),
      isError(kind, new RegExp(`${message}: HTTP status ${status}`)),
    )
  }
  for (const status of [502, 503, 504])
    await statusOf(status, 'unreachable', 'services at 127.* are not there')
  for (const status of [204, 302, 401, 404]) await statusOf(status, 'answer', "is not vCenter's API")
})

async function isLate(t: TestContext, respond: Respond, bounds: AnswerLimits, message: RegExp) {
  const { server, connection } = await site(t, respond)
  const call = connection.exchange(get, bounds)
  const error = await failsInTime(server.clock, call)
  assert.ok(isError('answer', message)(error))
  // Its slot is free again, and its connection is not used again.
  server.replies = { '/x': (response) => response.end('<a/>') }
  await Promise.all(Array.from({ length: 4 }, () => connection.exchange(get)))
}

function drip(response: ServerResponse): void {
  const timer = setInterval(() => response.write(' '), 1)
  response.on('close', () => clearInterval(timer))
}

test('silence and an answer without an end in time are errors', async (t) => {
  await isLate(t, () => undefined, {}, /answers too slowly: (silence for|no whole answer within) 60 s/)
  await isLate(t, () => undefined, { answerMs: 300_000 }, /silence for 60 s/)
  await isLate(t, (response) => response.write('<a>'), { silenceMs: 5_000 }, /silence for 5 s/)
  await isLate(t, drip, { answerMs: 10_000 }, /no whole answer within 10 s/)
})

test('a call that is aborted rejects with the reason of the signal, whatever it waits for', async (t) => {
  const reason = new Error('no longer wanted')
  const began: (() => void)[] = []
  const { server, connection } = await site(t, () => began.shift()?.())
  const hanging = async (run: (bounds: AnswerLimits) => Promise<unknown>) => {
    const abort = new AbortController()
    const begun = new Promise<void>((resolve) => began.push(resolve))
    const call = run({ signal: abort.signal })
    await begun
    return { abort, call }
  }
  const four = await Promise.all(
    Array.from({ length: 4 }, () => hanging((bounds) => connection.exchange(get, bounds))),
  )
  const waits = new AbortController()
  const fifth = connection.exchange(get, { signal: waits.signal })
  waits.abort(reason)
  await assert.rejects(fifth, reason)
  for (const { abort, call } of four) {
    abort.abort(reason)
    await assert.rejects(call, reason)
  }
  assert.equal(server.calls.length, 4)
  server.replies = { '/x': (response) => response.write('<a>', () => began.shift()?.()) }
  const { abort, call } = await hanging((bounds) => connection.exchange(get, bounds))
  abort.abort(reason)
  await assert.rejects(call, reason)
  await assert.rejects(connection.exchange(get, { signal: AbortSignal.abort(reason) }), reason)
})

test('elements are handed over one by one, in no hurry, while the answer comes', async (t) => {
  const count = 3_000
  const item = `<item><text>${'x'.repeat(1_000)}</text></item>`
  const { server, connection } = await site(t, async (response) => {
    response.write('<a><list>')
    await pour(response, item, count * item.length)
    response.end('</list><token>7</token></a>')
  })
  const stream = connection.stream(get, ['a', 'list', 'item'], { answerMs: 1_000, silenceMs: 1_000 })
  let received = 0
  let last: IteratorResult<XmlElement, XmlAnswer>
  for (;;) {
    last = await stream.next()
    if (last.done === true) break
    // The caller works for half a minute each time, which does not count.
    server.clock.pass(30_000)
    received++
  }
  assert.equal(received, count)
  assert.deepEqual(
    last.value.root.children.map(({ name, text, children }) => [name, text, children.length]),
    [
      ['list', '', 0],
      ['token', '7', 0],
    ],
  )
  assert.equal(server.connections, 1)
})

test('a caller that has enough ends the answer, and its slot is free', async (t) => {
  const ended: Promise<unknown>[] = []
  const { connection } = await site(t, (response) => {
    ended.push(once(response, 'close'))
    response.write('<a>')
    return pour(response, '<b>x</b>')
  })
  for (let round = 0; round < 5; round++)
    for await (const element of connection.stream(get, ['a', 'b'])) {
      assert.equal(element.text, 'x')
      break
    }
  await Promise.all(ended)
  assert.equal(ended.length, 5)
})

test('other work has its turns while a large answer is read', async (t) => {
  const { connection } = await site(t, async (response) => {
    response.write('<a><b>')
    await pour(response, `${'x'.repeat(60_000)}</b><b>`, 20_000_000)
    response.end('</b></a>')
  })
  const state = { done: false }
  let turns = 0
  const call = connection.exchange(get).finally(() => (state.done = true))
  while (!state.done) {
    await nextTurn()
    turns++
  }
  await call
  // 16 KiB a turn.
  assert.ok(turns >= 1_000, String(turns))
})

test('the version is asked for once, and again only after a failure', async (t) => {
  const path = '/sdk/vimServiceVersions.xml'
  const server = await ApiServer.start(t)
  const { [path]: usual } = server.replies
  assert.ok(usual !== undefined)
  server.replies = {
    [path]: (response) =>
      response.end('<namespaces><namespace><name>urn:vim25</name></namespace></namespaces>'),
  }
  const connection = server.connect(t)
  const asks = [connection.version(), connection.version()]
  for (const ask of asks) await assert.rejects(ask, isError('answer', /names no version of its API/))
  assert.equal(server.calls.length, 1)
  server.replies = { [path]: usual }
  assert.deepEqual(await Promise.all([connection.version(), connection.version()]), ['8.0.3.0', '8.0.3.0'])
  assert.equal(server.calls.length, 2)
})

test('closing ends calls, those that wait too, and later ones', async (t) => {
  const four = Promise.withResolvers<undefined>()
  const { server, connection } = await site(t, () => {
    if (server.calls.length === 4) four.resolve(undefined)
  })
  const calls = Array.from({ length: 5 }, () => connection.exchange(get))
  await four.promise
  connection.close()
  for (const call of [...calls, connection.exchange(get)])
    await assert.rejects(call, isError('unreachable', /has been closed/))
  assert.equal(server.calls.length, 4)
})
