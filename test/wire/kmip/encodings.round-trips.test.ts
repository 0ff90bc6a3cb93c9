// Generated round trips: for every version and every structure of the protocol, a value becomes bytes and the same value
// again, and the bytes become XML and JSON and the same bytes again.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { attributes } from '../../../src/wire/kmip/attribute-table.ts'
import { credential } from '../../../src/wire/kmip/credential.ts'
import { fromText, toText } from '../../../src/wire/kmip/encodings.ts'
import { requestMessage, responseMessage } from '../../../src/wire/kmip/message-schema.ts'
import { operationExistsIn, operations, type OperationName } from '../../../src/wire/kmip/operations.ts'
import { typeMax } from '../../../src/wire/kmip/schema.ts'
import { isDefined, tagCode, type TagName } from '../../../src/wire/kmip/tags.ts'
import { ordinal, versions, type Version } from '../../../src/wire/kmip/version.ts'
import { decode } from '../../../src/wire/ttlv/decode.ts'
import { encode } from '../../../src/wire/ttlv/encode.ts'
import type { ItemSchema } from '../../../src/wire/ttlv/schema.ts'
import { fastCheckChoices, valueFor } from '../../support/values/schema-values.ts'

/** 3.0 writes these in another form, which stands in its payloads. */
const otherIn3: ReadonlySet<string> = new Set(['Name', 'RotateName'])

const runsEach = Number(process.env['ROUND_TRIPS'] ?? 4)

for (const version of versions) {
  test(`KMIP ${version}: messages and credentials`, () => {
    comesBack(version, 'RequestMessage', requestMessage)
    comesBack(version, 'ResponseMessage', responseMessage)
    comesBack(version, 'Credential', credential)
  })
  test(`KMIP ${version}: the payloads of each operation`, () => {
    for (const [name, { request, response }] of Object.entries(operations)) {
      if (!operationExistsIn(name as OperationName, version)) continue
      comesBack(version, 'RequestPayload', request)
      comesBack(version, 'ResponsePayload', response)
    }
  })
  test(`KMIP ${version}: each attribute`, () => {
    for (const [name, fact] of Object.entries(attributes))
      if (isDefined(fact, version) && !(version >= '3.0' && otherIn3.has(name)))
        comesBack(version, name as TagName, fact.schema)
  })
}

function comesBack(version: Version, tagName: TagName, schema: ItemSchema): void {
  const options = { tag: tagCode(tagName), version: ordinal(version) }
  const property = fc.property(fc.gen(), (generate) => {
    const value = valueFor(fastCheckChoices(generate), schema, ordinal(version))
    const bytes = encode(schema, value, options)
    assert.deepEqual(decode(schema, bytes, { ...options, depthMax: 32, typeMax: typeMax(version) }), value)
    for (const encoding of ['xml', 'json'] as const) {
      const text = toText(encoding, bytes)
      assert.equal(fromText(encoding, text).toString('hex'), bytes.toString('hex'), text.toString())
    }
  })
  fc.assert(property, { numRuns: runsEach })
}
