// Answers: in the request's version and without anything that this version lacks; sizes, extensions, refusals. And the
// client's side, which must read what the server writes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeResponse, encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { codeOf, enums, type EnumTable } from '../../../src/wire/kmip/enums.ts'
import type { ResultReasonName } from '../../../src/wire/kmip/fault.ts'
import { reasonIn } from '../../../src/wire/kmip/result-reasons.ts'
import {
  decodeRequest,
  encodeResponse,
  responseHeaderBytes,
  responseItemBytes,
  type ResponseMessage,
} from '../../../src/wire/kmip/message.ts'
import {
  decodeResponsePayload,
  encodeRequestPayload,
  encodeResponsePayload,
} from '../../../src/wire/kmip/payload.ts'
import { operations, type OperationName } from '../../../src/wire/kmip/operations.ts'
import { isDefined, tagCode, tags, type TagName } from '../../../src/wire/kmip/tags.ts'
import { drafts, ordinal, versions, type Version } from '../../../src/wire/kmip/version.ts'
import type { Schema, Shape } from '../../../src/wire/ttlv/schema.ts'
import { read as readItem, type Item } from '../../support/clients/wire.ts'

const key = Buffer.alloc(32, 7)
const got = {
  ObjectType: 'SymmetricKey',
  UniqueIdentifier: 'key-1',
  SymmetricKey: {
    KeyBlock: {
      KeyFormatType: 'Raw',
      KeyValue: { KeyMaterial: key },
      CryptographicAlgorithm: 'AES',
      CryptographicLength: 256,
    },
  },
} as const

function answer(version: Version): ResponseMessage {
  const id = Buffer.from('0102', 'hex')
  const payload = encodeResponsePayload('Get', got, version)
  return {
    version,
    timeStamp: 1_700_000_000n,
    clientCorrelationValue: 'c-1',
    attestationTypes: ['TPMQuote'],
    nonce: { NonceID: id, NonceValue: id },
    items: [
      { operationCode: codeOf('Operation', 'Get'), uniqueBatchItemId: id, status: 'Success', payload },
      {
        operationCode: codeOf('Operation', 'Destroy'),
        status: 'OperationFailed',
        reason: 'WrongKeyLifecycleState',
        message: 'the key is active',
      },
    ],
  }
}

for (const version of versions) {
  test(`KMIP ${version}: an answer has only tags of that version, and reads back`, () => {
    const bytes = encodeResponse(answer(version))
    for (const tag of tagsIn(readItem(bytes))) {
      const name = Object.keys(tags).find((known) => tagCode(known as TagName) === tag) as TagName
      assert.ok(isDefined(tags[name], version), `${name} in ${version}`)
    }
    const read = decodeResponse(bytes)
    assert.equal(read.version, version)
    const [first, second] = read.items
    assert.equal(first?.status, 'Success')
    assert.deepEqual(first?.uniqueBatchItemId, version < '3.0' ? Buffer.from('0102', 'hex') : undefined)
    const payload = decodeResponsePayload('Get', first?.payload ?? Buffer.alloc(0), read)
    assert.deepEqual(payload.SymmetricKey?.KeyBlock.KeyFormatType, 'Raw')
    assert.equal(second?.reason, version >= '2.1' ? 'WrongKeyLifecycleState' : 'PermissionDenied')
    assert.equal(second?.operationCode, 0x14)
    assert.equal(read.clientCorrelationValue, version < '1.4' ? undefined : 'c-1')
  })

  test(`KMIP ${version}: the size of an answer is that of its header and its items`, () => {
    const response = answer(version)
    const items = response.items.map((item) => responseItemBytes(item, version))
    const sum = items.reduce((all, bytes) => all + bytes, responseHeaderBytes(response))
    assert.equal(sum, encodeResponse(response).length)
  })

  test(`KMIP ${version}: every reason has a name there`, () => {
    const reasons: EnumTable = enums.ResultReason
    for (const reason of Object.keys(reasons) as ResultReasonName[]) {
      const said = reasons[reasonIn(version, reason)]
      assert.ok(said !== undefined && isDefined(said, version), `${reason} in ${version}`)
    }
  })

  test(`KMIP ${version}: every field of a payload has a tag there`, () => {
    for (const [name, { request, response }] of Object.entries(operations)) {
      if (!isDefined(enums.Operation[name as OperationName], version)) continue
      for (const [field, path] of fieldsIn(request, version, `${name} request`)) {
        assert.ok(isDefined(tags[field], version), `${path} in ${version}`)
      }
      for (const [field, path] of fieldsIn(response, version, `${name} response`)) {
        assert.ok(isDefined(tags[field], version), `${path} in ${version}`)
      }
    }
  })

  test(`KMIP ${version}: a request with everything in its header is read as it was meant`, () => {
    const request = {
      version,
      maximumResponseSize: 4096,
      asynchronousIndicator: 'Optional',
      batchErrorContinuationOption: 'Undo',
      batchOrderOption: true,
      timeStamp: 5n,
      credentials: [
        { CredentialType: 'UsernameAndPassword', CredentialValue: { Username: 'ada', Password: 'p' } },
      ],
      items: [
        {
          operation: 'Get',
          uniqueBatchItemId: Buffer.from('01', 'hex'),
          payload: encodeRequestPayload('Get', { UniqueIdentifier: 'key-1' }, version),
          extensions: [
            {
              vendorIdentification: 'acme',
              critical: false,
              extension: Buffer.from('42009c0100000000', 'hex'),
            },
          ],
        },
      ],
    } as const
    const { items, ...header } = decodeRequest(encodeRequest(request), drafts)
    const { items: sent, ...asked } = request
    for (const [name, value] of Object.entries(asked)) {
      assert.deepEqual(header[name as keyof typeof header], value, name)
    }
    assert.deepEqual(items[0]?.payload, sent[0].payload)
    assert.deepEqual(items[0]?.extensions, sent[0].extensions)
    const id = version < '3.0' ? sent[0].uniqueBatchItemId : undefined
    assert.deepEqual(items[0]?.uniqueBatchItemId, id)
  })
}

test('1.x only says whether a client accepts an asynchronous answer, 2.x also whether it insists', () => {
  const items = [{ operation: 'Get', payload: encodeRequestPayload('Get', {}, '1.4') }] as const
  const read = (version: Version, asynchronousIndicator?: 'Prohibited' | 'Mandatory') =>
    decodeRequest(encodeRequest({ version, ...(asynchronousIndicator && { asynchronousIndicator }), items }))
      .asynchronousIndicator
  assert.deepEqual(
    [read('1.4'), read('1.4', 'Prohibited'), read('1.4', 'Mandatory'), read('2.0', 'Mandatory')],
    ['Prohibited', 'Prohibited', 'Optional', 'Mandatory'],
  )
})

test('an answer has a Batch Count, or is counted; what is no answer is refused', () => {
  for (const version of ['1.4', '3.0'] as const)
    assert.equal(decodeResponse(encodeResponse(answer(version))).batchCount, 2)
  const items = [{ operation: 'Get', payload: encodeRequestPayload('Get', {}, '1.4') }] as const
  const request = encodeRequest({ version: '1.4', items })
  for (const bytes of [request, Buffer.alloc(0)])
    assert.throws(() => decodeResponse(bytes), /this is not a KMIP answer/)
})

test('a request without credentials has no Authentication', () => {
  const items = [{ operation: 'Get', payload: encodeRequestPayload('Get', {}, '1.4') }] as const
  for (const credentials of [undefined, []]) {
    const bytes = encodeRequest({ version: '1.4', ...(credentials && { credentials }), items })
    assert.ok(![...tagsIn(readItem(bytes))].includes(tagCode('Authentication')))
  }
})

test('KMIP 1.4 §11 against 2.1 §11.46: reasons whose name changed between versions', () => {
  const expected: readonly [ResultReasonName, ResultReasonName, ResultReasonName, ResultReasonName][] = [
    ['ObjectNotFound', 'ItemNotFound', 'ItemNotFound', 'ObjectNotFound'],
    ['ObjectDestroyed', 'ItemNotFound', 'ItemNotFound', 'ObjectDestroyed'],
    ['WrongKeyLifecycleState', 'PermissionDenied', 'PermissionDenied', 'WrongKeyLifecycleState'],
    ['AttributeReadOnly', 'PermissionDenied', 'PermissionDenied', 'AttributeReadOnly'],
    ['NonUniqueNameAttribute', 'InvalidField', 'InvalidField', 'NonUniqueNameAttribute'],
    ['AttributeSingleValued', 'IllegalOperation', 'AttributeSingleValued', 'AttributeSingleValued'],
    ['Sensitive', 'PermissionDenied', 'Sensitive', 'Sensitive'],
    ['IllegalOperation', 'IllegalOperation', 'PermissionDenied', 'PermissionDenied'],
    ['ServerLimitExceeded', 'IndexOutOfBounds', 'ServerLimitExceeded', 'ServerLimitExceeded'],
    ['GeneralFailure', 'GeneralFailure', 'GeneralFailure', 'GeneralFailure'],
  ]
  for (const [reason, in10, in20, in21] of expected) {
    assert.deepEqual(
      [reasonIn('1.0', reason), reasonIn('2.0', reason), reasonIn('2.1', reason)],
      [in10, in20, in21],
      reason,
    )
  }
})

function* tagsIn(item: Item): Generator<number> {
  yield item.tag
  if (typeof item.value !== 'object' || Buffer.isBuffer(item.value)) return
  for (const inner of item.value) yield* tagsIn(inner)
}

/** The fields that a version writes, at every depth. Attributes are left out: their values have tables of their own. */
function* fieldsIn(schema: Schema, version: Version, path: string): Generator<[TagName, string]> {
  const shapes: readonly Shape[] =
    schema.shape.kind === 'OneOf' ? schema.shape.choices.map((choice) => choice.shape) : [schema.shape]
  const number = ordinal(version)
  for (const shape of shapes) {
    if (shape.kind !== 'Structure') continue
    for (const field of shape.fields) {
      if (field.schema.since > number || number > field.schema.until) continue
      const inner = `${path}.${field.name}`
      yield [field.name as TagName, inner]
      yield* fieldsIn(field.schema, version, inner)
    }
  }
}
