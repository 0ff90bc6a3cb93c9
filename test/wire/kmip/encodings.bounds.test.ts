// What TTLV may hold, XML and JSON may hold too: the bounds of one message are the same in all three.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { fromText, toText } from '../../../src/wire/kmip/encodings.ts'
import { decodeRequest } from '../../../src/wire/kmip/message.ts'
import { decodeRequestPayload, encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import { batchItemsMax, structureDepthMax } from '../../../src/base/bounds.ts'
import type { AnyValue } from '../../../src/wire/ttlv/schema.ts'
import { aes, attribute, nameAttribute } from '../../support/clients/kmip-session.ts'

function isReadAlike(bytes: Buffer, operation: 'Create' | 'AddAttribute'): void {
  const request = decodeRequest(Buffer.from(bytes), ['1.4'])
  for (const { payload } of request.items) decodeRequestPayload(operation, payload, request)
  for (const encoding of ['xml', 'json'] as const)
    assert.ok(fromText(encoding, toText(encoding, Buffer.from(bytes))).equals(bytes), encoding)
}

test('the largest batch of vCenter-like requests', () => {
  const items = Array.from({ length: batchItemsMax }, (_, index) => ({
    operation: 'Create' as const,
    payload: encodeRequestPayload('Create', aes([nameAttribute(`key ${index}`)]), '1.4'),
    uniqueBatchItemId: Buffer.from(String(index)),
  }))
  isReadAlike(encodeRequest({ version: '1.4', items }), 'Create')
})

test('the deepest structure, and what is in it', () => {
  const above = ['Request Message', 'Batch Item', 'Request Payload', 'Attribute'].length
  let value: AnyValue = { type: 'Integer', value: 1 }
  for (let depth = above; depth < structureDepthMax; depth++)
    value = { type: 'Structure', value: [{ tag: 0x540001, item: value }] }
  const request = { UniqueIdentifier: 'x', Attribute: attribute('x-deep', value) }
  const payload = encodeRequestPayload('AddAttribute', request as never, '1.4')
  isReadAlike(
    encodeRequest({ version: '1.4', items: [{ operation: 'AddAttribute', payload }] }),
    'AddAttribute',
  )
})
