// The decoders as targets: TTLV, XML, JSON, HTTP around them, and the header of the PROXY protocol. Bytes become a value
// or an error of one kind; what was read is written, and read again as the same.

import assert from 'node:assert/strict'
import { decodeResponse } from '../../../src/wire/kmip/client-message.ts'
import { fromText, toText, type TextEncoding } from '../../../src/wire/kmip/encodings.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { decodeRequest, RequestError } from '../../../src/wire/kmip/message.ts'
import { decodeRequestPayload, encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import { drafts, newestOfMajor } from '../../../src/wire/kmip/version.ts'
import { HttpFramer } from '../../../src/doors/kmip/http-framer.ts'
import { readProxyHeader } from '../../../src/doors/kmip/proxy-header.ts'
import { TtlvError } from '../../../src/wire/ttlv/error.ts'
import { Framer } from '../../../src/wire/ttlv/framer.ts'
import { proxyHeader } from '../clients/proxy-protocol.ts'
import { summary, type Target } from './engine.ts'
import { madeMessage, messageSeeds } from './messages.ts'

/** Identifiers of objects that no store has. */
const nobody = ['00000000-0000-4000-8000-000000000000', '<&"\\']

export const ttlvTarget: Target = {
  name: 'ttlv',
  seeds: messageSeeds,
  make: (random) => madeMessage(random, nobody),
  run(input) {
    const framed = new Framer({ messageBytesMax: 1 << 20, askAboveBytes: 1 << 20 }).push(Buffer.from(input))
    return `${framed.messages.length > 1} ${framed.halt?.kind} ${decoded(input)} ${answered(input)}`
  },
}

function decoded(input: Buffer): string {
  try {
    const request = decodeRequest(input, drafts)
    return request.items
      .map(({ operation, payload, fault }) => {
        if (fault || operation === null) return fault?.message ?? 'unknown'
        try {
          const value = decodeRequestPayload(operation, payload, request)
          // Values of later minor versions are read, too.
          const version = newestOfMajor(request.version)
          const again = encodeRequestPayload(operation, value, version)
          const second = decodeRequestPayload(operation, again, { version, unknownFields: 'refuse' })
          assert.ok(
            encodeRequestPayload(operation, second, version).equals(again),
            'it reads as something else',
          )
          return operation
        } catch (error) {
          if (error instanceof Fault) return summary(error)
          throw error
        }
      })
      .join()
  } catch (error) {
    if (error instanceof RequestError) return summary(error)
    throw error
  }
}

/** As a client reads it. */
function answered(input: Buffer): string {
  try {
    return String(decodeResponse(input).items.length)
  } catch (error) {
    if (error instanceof TtlvError) return error.code
    throw error
  }
}

export function textTarget(encoding: TextEncoding): Target {
  return {
    name: encoding,
    seeds: () => messageSeeds().map((message) => toText(encoding, message)),
    make: (random) => toText(encoding, madeMessage(random, nobody)),
    madeInTen: 1,
    words: encoding === 'xml' ? xmlWords : jsonWords,
    run(input) {
      let message: Buffer
      try {
        message = fromText(encoding, input)
      } catch (error) {
        // Without the path, which has the input's own names.
        if (error instanceof TtlvError) return `${error.code} ${summary(error).split(': ').at(-1)}`
        throw error
      }
      for (const other of ['xml', 'json'] as const) {
        const text = toText(other, message)
        if (other === 'json') JSON.parse(text.toString())
        // A control character is the only thing that XML cannot carry.
        const again = fromText(other, text)
        if (other === 'json' || !text.includes('\uFFFD'))
          assert.ok(again.equals(message), `${other} says something else`)
      }
      return decoded(message)
    },
  }
}

const common = [
  'Structure',
  'Integer',
  'LongInteger',
  'BigInteger',
  'Enumeration',
  'Boolean',
  'TextString',
  'ByteString',
  'DateTime',
  'Interval',
  'DateTimeExtended',
  '0x',
  '0x42000b',
  'AttributeName',
  'AttributeValue',
  'Cryptographic Usage Mask',
  'Encrypt Decrypt',
  '2026-03-01T12:00:00+00:00',
  '-1',
  '9223372036854775808',
  'true',
]
const xmlWords = [
  ...common,
  '<',
  '>',
  '/>',
  '</',
  '="',
  '"',
  '<!--',
  '-->',
  '<!DOCTYPE',
  '<![CDATA[',
  '<?xml ',
  '&lt;',
  '&#x10FFFF;',
  '&#0;',
  'xmlns',
  '<TTLV tag="0x540001" type="TextString" value="&#13;"/>',
]
const jsonWords = [
  ...common,
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '"',
  '\\',
  '\\u0000',
  '\\ud83d\\ude00',
  '\\ud83d',
  'null',
  'false',
  '"tag"',
  '"type"',
  '"value"',
  '"name"',
  '1e999',
  '-0',
  '9007199254740993',
]

export const httpTarget: Target = {
  name: 'http',
  seeds: () =>
    ['application/octet-stream', 'text/xml', 'application/json; charset=utf-8'].map((type) =>
      Buffer.from(
        `POST /kmip HTTP/1.1\r\nHost: kms\r\nContent-Type: ${type}\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n<a/>POST /kmip HTTP/1.0\r\nConnection: keep-alive\r\nContent-Type: ${type}\r\nContent-Length: 0\r\n\r\n`,
      ),
    ),
  words: [
    '\r\n',
    '\r\n\r\n',
    'Content-Length: ',
    'Transfer-Encoding: chunked',
    'Connection: close',
    'HTTP/1.0',
    ' ',
    ':',
    'GET',
    'https://x/kmip',
    '18446744073709551616',
    'charset=utf-16',
  ],
  run(input) {
    const whole = framedHttp([input])
    const pieces: Buffer[] = []
    for (let at = 0, size = 1; at < input.length; at += size, size = (size % 7) + 1)
      pieces.push(input.subarray(at, at + size))
    assert.deepEqual(framedHttp(pieces), whole, 'it matters how the bytes arrive')
    return JSON.stringify(whole.slice(-4)).replaceAll(/\d+/g, '#').slice(0, 120)
  },
}

/** All that comes out of these pieces, with every permission given. */
function framedHttp(pieces: readonly Buffer[]): readonly unknown[] {
  const framer = new HttpFramer({ messageBytesMax: 4_096, askAboveBytes: 512 })
  const said: unknown[] = []
  for (const piece of pieces) {
    let framed = framer.push(Buffer.from(piece))
    for (;;) {
      for (const message of framed.messages) {
        const { encoding } = framer
        const { bytes, close } = framer.answer({ bytes: Buffer.from('x'), close: false })
        said.push(message.toString('hex'), encoding, bytes.length, close)
      }
      if (framed.halt?.kind !== 'ask') break
      framed = framer.permit()
    }
    if (framed.halt?.kind !== 'broken') continue
    said.push(framed.halt.answer?.toString() ?? framed.halt.error.code)
    break
  }
  return [...said, 'end']
}

export const proxyTarget: Target = {
  name: 'proxy-header',
  seeds: () => [proxyHeader({ from: '192.0.2.1' }), proxyHeader({ from: '2001:db8::1' })],
  run(input) {
    const header = readProxyHeader(input, 4_096)
    return header.kind === 'fault' ? header.fault : header.kind
  },
}
