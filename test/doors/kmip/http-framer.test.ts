// HTTP around messages: which heads are a message, which are refused and how, and that it does not matter how the bytes
// arrive.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { HttpFramer } from '../../../src/doors/kmip/http-framer.ts'
import { readHead } from '../../../src/doors/kmip/http-head.ts'
import { textPerTtlvBytesMax } from '../../../src/doors/kmip/bounds.ts'
import { httpHeadBytesMax } from '../../../src/doors/kmip/http-framer.ts'
import { Framer } from '../../../src/wire/ttlv/framer.ts'

const limited = { messageBytesMax: 1_000, askAboveBytes: 400 }

function post(body: string, ...fields: string[]): string {
  const head = ['POST /kmip HTTP/1.1', 'Host: kms', ...fields, `Content-Length: ${body.length}`]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

const xml = 'Content-Type: text/xml'

test('requests come out whole and in order, however their bytes arrive', () => {
  const texts = [
    post('<a/>', xml),
    `\r\n${post('{}', 'content-type:application/json; charset=utf-8')}`,
    post('', xml),
  ]
  const bytes = Buffer.from(texts.join(''))
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 10 }), (places) => {
      const framer = new HttpFramer(limited)
      const cuts = [0, ...places.toSorted((a, b) => a - b), bytes.length]
      const messages = cuts.flatMap(
        (cut, index) => framer.push(bytes.subarray(cuts[index - 1] ?? 0, cut)).messages,
      )
      assert.deepEqual(messages.map(String), ['<a/>', '{}', ''])
      assert.equal(framer.partial, false)
      const said = ['xml', 'json', 'xml'].map((encoding) => {
        assert.equal(framer.encoding, encoding)
        return framer.answer({ bytes: Buffer.from('ok'), close: false }).bytes.toString()
      })
      assert.match(
        said[1] ?? '',
        /^HTTP\/1\.1 200 OK\r\nContent-Type: application\/json\r\nContent-Length: 2\r\n.*\r\n\r\nok$/s,
      )
    }),
  )
})

test('byte by byte it is the same', () => {
  const framer = new HttpFramer(limited)
  const messages = [...Buffer.from(post('<a/>', xml))].flatMap(
    (byte) => framer.push(Buffer.from([byte])).messages,
  )
  assert.deepEqual(messages.map(String), ['<a/>'])
})

test('no more messages are cut than are wanted, and the others follow in order', () => {
  const framer = new HttpFramer(limited)
  const chunk = Buffer.from(post('1', xml) + post('2', xml) + post('3', xml))
  assert.deepEqual(framer.push(chunk, 0).messages, [])
  assert.deepEqual(framer.push(Buffer.alloc(0), 2).messages.map(String), ['1', '2'])
  assert.deepEqual(framer.push(Buffer.from(post('4', xml)), 1).messages.map(String), ['3'])
  assert.equal(framer.partial, true)
  assert.deepEqual(framer.push(Buffer.alloc(0), 1).messages.map(String), ['4'])
  assert.equal(framer.partial, false)
})

for (const [what, framer] of [
  ['HTTP', new HttpFramer(limited)],
  ['TTLV', new Framer({ messageBytesMax: 1_000 })],
] as const)
  test(`bytes of ${what} that come one by one and are not cut yet are kept without long work`, () => {
    const before = process.cpuUsage()
    for (let count = 0; count < 250_000; count += 1) framer.push(Buffer.of(0x50), 0)
    const { user, system } = process.cpuUsage(before)
    assert.ok(user + system < 2_000_000, `${(user + system) / 1_000} ms`)
  })

test('the room for bytes that wait does not grow with all those that came before', () => {
  const framer = new HttpFramer(limited)
  const request = Buffer.from(post('x'.repeat(50), xml))
  const chunk = Buffer.concat(Array.from({ length: 100 }, () => request))
  const half = request.length / 2
  framer.push(request.subarray(0, half))
  // Each chunk ends in the middle of a request.
  for (let count = 0; count < 1_000; count++)
    framer.push(Buffer.concat([request.subarray(half), chunk, request.subarray(0, half)]))
  // A message behind which nothing waits is a view of the room.
  const [last] = framer.push(request.subarray(half)).messages
  assert.equal(framer.partial, false)
  assert.ok(last && last.buffer.byteLength <= 4 * chunk.length, `${last?.buffer.byteLength} bytes`)
})

test('empty lines before a request are ignored, however many', () => {
  const framer = new HttpFramer(limited)
  assert.deepEqual(framer.push(Buffer.from('\r\n'.repeat(5_000))).messages, [])
  assert.equal(framer.partial, false)
  assert.deepEqual(framer.push(Buffer.from(`\r\n\r\n${post('1', xml)}`)).messages.map(String), ['1'])
})

const heads: readonly (readonly [string, object])[] = [
  ['', { status: 400 }],
  ['\u0016\u0003\u0001', { status: 400 }],
  ['POST /kmip', { status: 400 }],
  ['POST /kmip HTTP/2.0', { status: 505 }],
  ['GET /kmip HTTP/1.1', { status: 405 }],
  ['OPTIONS /kmip HTTP/1.1', { status: 405 }],
  ['POST / HTTP/1.1', { status: 404 }],
  ['POST /kmip?x HTTP/1.1', { status: 404 }],
  ['POST /kmip HTTP/1.1', { status: 411 }],
  ['POST /kmip HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked', { status: 411 }],
  ['POST /kmip HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1', { status: 400 }],
  ['POST /kmip HTTP/1.1\r\nContent-Length: 1, 1\r\nContent-Type: text/xml', { status: 400 }],
  ['POST /kmip HTTP/1.1\r\nContent-Length: -1\r\nContent-Type: text/xml', { status: 400 }],
  ['POST /kmip HTTP/1.1\r\nContent-Length : 1', { status: 400 }],
  ['POST /kmip HTTP/1.1\r\nHost: a\r\n b', { status: 400 }],
  ['POST /kmip HTTP/1.1\r\nHost: a\nContent-Length: 1', { status: 400 }],
  ['POST /kmip HTTP/1.1\r\nContent-Length: 1', { status: 415 }],
  ['POST /kmip HTTP/1.1\r\nContent-Length: 1\r\nContent-Type: text/plain', { status: 415 }],
  ['POST /kmip HTTP/1.1\r\nContent-Length: 1\r\nContent-Type: text/xml; charset=latin1', { status: 415 }],
  [
    'POST /kmip HTTP/1.1\r\nContent-Length: 1\r\nContent-Type: text/xml\r\nContent-Encoding: gzip',
    { status: 415 },
  ],
  ['POST /kmip HTTP/1.1\r\nContent-Length: 1\r\nContent-Type: text/xml\r\nExpect: more', { status: 417 }],
  [
    'POST /kmip HTTP/1.1\r\nContent-Length: 1\r\nContent-Type: application/octet-stream',
    { encoding: 'ttlv', keepAlive: true },
  ],
  [
    'POST /kmip HTTP/1.0\r\nContent-Length: 1\r\nContent-Type: Text/XML',
    { encoding: 'xml', keepAlive: false },
  ],
  [
    'POST /kmip HTTP/1.0\r\nContent-Length: 1\r\nContent-Type: application/xml\r\nConnection: Keep-Alive',
    { keepAlive: true },
  ],
  [
    'POST https://kms:1/kmip HTTP/1.1\r\nContent-Length: 1\r\nContent-Type: application/json\r\nConnection: close',
    { keepAlive: false },
  ],
]

/** The request target, the fields, and the host that they address. */
const hosts: readonly (readonly [string, string, string])[] = [
  ['/kmip', 'Host: KMS.example.test', 'kms.example.test'],
  ['/kmip', 'Host: kms.example.test.:5698', 'kms.example.test'],
  ['/kmip', 'Host: 127.0.0.1:5698', '127.0.0.1'],
  ['/kmip', 'Host: [::1]:5698', '::1'],
  ['/kmip', 'Host: [fe80::1]', 'fe80::1'],
  ['/kmip', 'Host:', ''],
  ['/kmip', 'X: y', ''],
  ['/kmip', 'Host: a@b', 'a@b'],
  ['/kmip', 'Host: a:b:1', 'a:b:1'],
  ['/kmip', 'Host: [::1', '[::1'],
  ['/kmip', 'Host: a\r\nHost: b', 'a, b'],
  ['https://Kms:1/kmip', 'Host: elsewhere', 'kms'],
  ['HTTP://[::1]:80/kmip', 'Host: elsewhere', '::1'],
  ['https:///kmip', 'Host: elsewhere', ''],
]

for (const [target, field, host] of hosts)
  test(`host: ${target} | ${field.replaceAll('\r\n', ' | ')}`, () => {
    const head = `POST ${target} HTTP/1.1\r\n${field}\r\nContent-Length: 1\r\nContent-Type: text/xml`
    assert.partialDeepStrictEqual(readHead(head), { kind: 'message', host })
  })

const at = (host: string) => post('<a/>', xml).replace('Host: kms', `Host: ${host}`)

test('each message has its own host until it is answered', () => {
  const framer = new HttpFramer(limited)
  framer.push(Buffer.from(at('a') + at('b')))
  assert.equal(framer.host, 'a')
  framer.answer({ bytes: Buffer.from('x'), close: false })
  assert.equal(framer.host, 'b')
})

for (const [head, expected] of heads)
  test(`head: ${head.replaceAll('\r\n', ' | ')}`, () => {
    assert.partialDeepStrictEqual(readHead(head), expected)
  })

test('a head is read without long work, whatever spaces it has', () => {
  const spaces = ' '.repeat(httpHeadBytesMax - 100)
  const begun = 'POST /kmip HTTP/1.1\r\nContent-Length: 0\r\nContent-Type: text/xml'
  const before = process.cpuUsage()
  for (let time = 0; time < 200; time += 1) {
    assert.equal(readHead(`${begun}${spaces};charset=utf-8`).kind, 'message')
    assert.equal(readHead(`${begun}\r\nConnection: a${spaces}, close`).kind, 'message')
    assert.equal(readHead(`${begun}\r\nX:${spaces}\0`).kind, 'refused')
  }
  const { user } = process.cpuUsage(before)
  assert.ok(user < 1_000_000, `${user / 1_000} ms`)
})

test('a refused head ends the connection with an answer in HTTP, and so does one that is too long', () => {
  const framer = new HttpFramer(limited)
  const { halt } = framer.push(Buffer.from('GET /kmip HTTP/1.1\r\n\r\n'))
  assert.match(
    String(halt?.kind === 'broken' && halt.answer),
    /^HTTP\/1\.1 405 Method Not Allowed\r\nAllow: POST\r\n.*Connection: close/s,
  )
  const ttlv = new HttpFramer(limited).push(Buffer.from('4200780100', 'hex')).halt
  assert.match(String(ttlv?.kind === 'broken' && ttlv.answer), /^HTTP\/1\.1 400 .*kmip\.listen/s)
  assert.equal(new HttpFramer(limited).push(Buffer.from('\r')).halt, undefined)
  const long = new HttpFramer(limited).push(Buffer.alloc(httpHeadBytesMax, 'x')).halt
  assert.match(String(long?.kind === 'broken' && long.answer), /^HTTP\/1\.1 431 /)
})

test('head and body count together, a text may be longer than TTLV, and a peer that waits is told to go on', () => {
  const asks = new HttpFramer(limited)
  assert.equal(asks.push(Buffer.from(post('x'.repeat(395), xml))).halt?.kind, 'ask')
  assert.equal(asks.permit().messages[0]?.length, 395)
  const halt = (bytes: number, type: string) =>
    new HttpFramer(limited).push(
      Buffer.from(`POST /kmip HTTP/1.1\r\nContent-Type: ${type}\r\nContent-Length: ${bytes}\r\n\r\n`),
    ).halt
  assert.equal(halt(1_001, 'application/octet-stream')?.kind, 'broken')
  assert.equal(halt(1_000 * textPerTtlvBytesMax, 'text/xml')?.kind, 'ask')
  assert.equal(halt(1_000 * textPerTtlvBytesMax + 1, 'text/xml')?.kind, 'broken')
  const waits = new HttpFramer(limited)
  const [head = '', body = ''] = post('<a/>', xml, 'Expect: 100-continue').split('\r\n\r\n')
  const asked = waits.push(Buffer.from(`${head}\r\n\r\n`)).halt
  assert.equal(String(asked?.interim), 'HTTP/1.1 100 Continue\r\n\r\n')
  waits.permit()
  assert.deepEqual(waits.push(Buffer.from(body)).messages.map(String), ['<a/>'])
})
