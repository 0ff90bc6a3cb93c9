// Requests by vectors (test/vectors/kmip): how each is decoded, or which answer it gets, also when cut or with raised
// lengths. The published message encodings are tested if they are available.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { decodeResponse } from '../../../src/wire/kmip/client-message.ts'
import { nameOf } from '../../../src/wire/kmip/enums.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import {
  decodeRequest,
  encodeResponse,
  refusal,
  RequestError,
  type RequestItem,
  type RequestMessage,
} from '../../../src/wire/kmip/message.ts'
import {
  decodeRequestPayload,
  decodeResponsePayload,
  encodeRequestPayload,
  encodeResponsePayload,
} from '../../../src/wire/kmip/payload.ts'
import { newestOfMajor } from '../../../src/wire/kmip/version.ts'
import { root } from '../../support/repository/sources.ts'
import { cuts, raisedLengths, readVectors } from '../../support/values/vectors.ts'

const vectors = readVectors('kmip')

for (const { name, expect, bytes } of vectors) {
  test(`kmip/${name}: what it is understood as`, () => {
    assert.deepEqual(understood(bytes), expect)
    if (!(expect[0] ?? '').startsWith('error ')) payloadsComeBack(decodeRequest(bytes))
  })
  test(`kmip/${name}: cut at every length, each length field raised`, () => {
    for (const cut of cuts(bytes)) assert.match(understood(cut)[0] ?? '', /^error /, `${cut.length} bytes`)
    for (const raised of raisedLengths(bytes)) understood(raised)
  })
}

test('any bytes after a valid beginning give RequestError or a message, Fault or a payload', () => {
  const beginnings = vectors.map(({ bytes }) => bytes)
  const damage = fc.record({
    beginning: fc.constantFrom(...beginnings),
    changes: fc.array(fc.record({ at: fc.nat(400), byte: fc.nat(255) }), { minLength: 1, maxLength: 6 }),
  })
  fc.assert(
    fc.property(damage, ({ beginning, changes }) => {
      const bytes = Buffer.from(beginning)
      for (const { at, byte } of changes) bytes[at % bytes.length] = byte
      understood(bytes)
    }),
    { numRuns: 5_000 },
  )
})

/** Messages that can be decoded are encoded and decoded again, and stay the same. */
function payloadsComeBack(request: RequestMessage): void {
  // The newest version writes everything that was read, including fields that the message's own version lacks.
  const version = newestOfMajor(request.version)
  for (const item of request.items) {
    if (item.operation === null || inWords(item, request).includes(' Invalid')) continue
    const payload = decodeRequestPayload(item.operation, item.payload, request)
    const again = encodeRequestPayload(item.operation, payload, version)
    assert.deepEqual(decodeRequestPayload(item.operation, again, { ...request, version }), payload)
  }
}

/** In the form of a vector's `expect`. Rethrows errors that have no answer. */
function understood(bytes: Buffer): string[] {
  let request: RequestMessage
  try {
    request = decodeRequest(bytes)
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    const answer = decodeResponse(encodeResponse(refusal(error, 1n)))
    assert.deepEqual(
      answer.items.map(({ operationCode, status }) => [operationCode, status]),
      [[undefined, 'OperationFailed']],
    )
    return [`error ${answer.version} ${answer.items[0]?.reason}`]
  }
  return [heading(request), ...request.items.map((item) => inWords(item, request))]
}

function heading(request: RequestMessage): string {
  const { maximumResponseSize: size, asynchronousIndicator: indicator } = request
  const option = request.batchErrorContinuationOption
  return [
    request.version,
    request.clientCorrelationValue,
    option === 'Stop' ? undefined : option,
    request.batchOrderOption ? 'ordered' : undefined,
    size === undefined ? undefined : `at most ${size}`,
    indicator === 'Prohibited' ? undefined : indicator,
    ...request.credentials.map(({ CredentialType }) => CredentialType),
  ]
    .filter((word) => word !== undefined)
    .join(' ')
}

function inWords(item: RequestItem, request: RequestMessage): string {
  const name =
    item.operation ?? (item.operationCode === undefined ? 'none' : `0x${item.operationCode.toString(16)}`)
  if (item.fault !== undefined) return `${name} ${item.fault.reason}`
  if (item.operation === null) return name
  try {
    const payload = decodeRequestPayload(item.operation, item.payload, request)
    const extensions = item.extensions.map(
      ({ critical, vendorIdentification }) =>
        ` ${critical ? 'critical' : 'ignorable'} ${vendorIdentification}`,
    )
    return `${name} ${JSON.stringify(payload, plainly)}${extensions.join('')}`
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return `${name} ${error.reason}`
  }
}

/** Bytes in hexadecimal. Absent repeated fields are left out. */
function plainly(this: unknown, key: string, value: unknown): unknown {
  const original = (this as Readonly<Record<string, unknown>>)[key]
  if (original instanceof Uint8Array) return `hex:${Buffer.from(original).toString('hex')}`
  if (typeof value === 'bigint') return `${value}n`
  return Array.isArray(value) && value.length === 0 ? undefined : value
}

const file = path.resolve(root, '../shared/kmip/message-encodings.json')
const published = existsSync(file)
  ? (JSON.parse(readFileSync(file, 'utf8')) as readonly { readonly case: string; readonly hex: string }[])
  : undefined
if (published === undefined) process.stderr.write(`SKIPPED: ${file} is not there\n`)

test(
  'the published encodings of whole messages, decoded and encoded',
  { skip: published === undefined && '../shared is not here: no published messages to compare with' },
  () => {
    for (const { case: name, hex } of published ?? []) {
      const bytes = Buffer.from(hex, 'hex')
      if (hex.startsWith('420078')) {
        const request = decodeRequest(bytes)
        for (const { operation, payload, fault } of request.items) {
          assert.ok(operation !== null && fault === undefined, name)
          const value = decodeRequestPayload(operation, payload, request)
          assert.deepEqual(encodeRequestPayload(operation, value, request.version), payload, name)
        }
      } else {
        const response = decodeResponse(bytes)
        assert.deepEqual(encodeResponse(response), bytes, name)
        for (const { operationCode = 0, payload } of response.items) {
          const operation = nameOf('Operation', operationCode, response.version)
          if (payload === undefined || operation === undefined) continue
          const value = decodeResponsePayload(operation, payload, response)
          assert.deepEqual(encodeResponsePayload(operation, value, response.version), payload, name)
        }
      }
    }
  },
)
