// The names of XML and JSON are those of the schemas: no enumeration of a message is missing, and no two names of one
// table are the same to a reader that ignores capitals and underscores.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { attributes } from '../../../src/wire/kmip/attribute-table.ts'
import { credential } from '../../../src/wire/kmip/credential.ts'
import { fromText, toText } from '../../../src/wire/kmip/encodings.ts'
import { enums, masks, type EnumTable } from '../../../src/wire/kmip/enums.ts'
import * as messages from '../../../src/wire/kmip/message-schema.ts'
import { operations } from '../../../src/wire/kmip/operations.ts'
import { tagCode, tagName, type TagName } from '../../../src/wire/kmip/tags.ts'
import { textNames } from '../../../src/wire/kmip/text-names.ts'
import type { EnumerationNames, Schema, Shape } from '../../../src/wire/ttlv/schema.ts'
import { root } from '../../support/repository/sources.ts'

/** Calls `found` for each enumeration and each mask in the schema, with its tag. */
function walk(
  shape: Shape,
  tag: number,
  seen: Set<Shape>,
  found: (tag: number, names?: EnumerationNames) => void,
): void {
  if (shape.kind === 'Enumeration' && shape.names !== undefined) return found(tag, shape.names)
  if (shape.kind === 'Mask') return found(tag)
  if (seen.has(shape)) return
  seen.add(shape)
  if (shape.kind === 'OneOf') for (const choice of shape.choices) walk(choice.shape, tag, seen, found)
  if (shape.kind === 'Structure')
    for (const { schema, tag: inner } of shape.fields) walk(schema.shape, inner, seen, found)
}

test('each enumeration and mask of the schemas has its names in the texts', () => {
  const seen = new Set<Shape>()
  const schemas: [number, Schema][] = [
    ...Object.values(operations).flatMap(({ request, response }): [number, Schema][] => [
      [0, request],
      [0, response],
    ]),
    ...Object.values(messages).map((schema): [number, Schema] => [0, schema as Schema]),
    ...Object.entries(attributes).map(([name, { schema }]): [number, Schema] => [
      tagCode(name as TagName),
      schema,
    ]),
    [0, credential],
  ]
  let enumerations = 0
  for (const [tag, schema] of schemas)
    walk(schema.shape, tag, seen, (at, names) => {
      enumerations += 1
      const values = textNames('2.1').valuesOf(at)
      if (names === undefined) return assert.ok(values?.bits, `${tagName(at)} is a mask`)
      for (const { name, code } of names.byName.values())
        assert.equal(values?.codeOf(name), code, `${tagName(at)} ${name}`)
    })
  assert.ok(enumerations > 50, `${enumerations} found`)
})

test('no two values of a table have the same name without capitals and underscores', () => {
  for (const [title, table] of Object.entries<EnumTable>({ ...enums, ...masks })) {
    const codes = new Map<string, number>()
    for (const [name, { code, in1x, in2x }] of Object.entries(table))
      for (const spelled of [name, in1x, in2x])
        if (spelled !== undefined) {
          const plain = spelled.toLowerCase().replaceAll('_', '')
          assert.equal(codes.get(plain) ?? code, code, `${title} ${spelled}`)
          codes.set(plain, code)
        }
  }
})

test('what came with the second draft of 3.0 is read by its name, and written as its number', () => {
  const operations = textNames('3.0').valuesOf(tagCode('Operation'))
  assert.deepEqual([operations?.codeOf('Encapsulate'), operations?.nameOf(0x41)], [0x41, undefined])
  assert.equal(operations?.nameOf(0x40), 'Deactivate')
})

test('a value has the name that its version gives it, and is read by any', () => {
  const [old, now] = [textNames('1.4'), textNames('2.0')]
  const hash = tagCode('HashingAlgorithm')
  assert.equal(old.valuesOf(hash)?.nameOf(0x0e), 'SHA_3_224')
  assert.equal(now.valuesOf(hash)?.nameOf(0x0e), 'SHA3_224')
  for (const name of ['SHA_3_224', 'SHA3_224', 'sha3224'])
    assert.equal(old.valuesOf(hash)?.codeOf(name), 0x0e)
})

const xml = (name: string) => `<HashingAlgorithm type="Enumeration" value="${name}"/>`

test('a slip of the table of 2.x is read and never written', () => {
  const mask = tagCode('MaskGenerator')
  for (const version of ['1.4', '2.0', '2.1', '3.0'] as const) {
    const names = textNames(version).valuesOf(mask)
    assert.equal(names?.nameOf(1), 'MGF1', version)
    for (const name of ['MGF1', 'MFG1', 'mfg1']) assert.equal(names?.codeOf(name), 1, `${version} ${name}`)
  }
})

test('a message is written in the names of its version, and anything else in the newest', () => {
  const parameters = (name: string) => `<CryptographicParameters>${xml(name)}</CryptographicParameters>`
  for (const [minor, name] of [
    [4, 'SHA_3_224'],
    [0, 'SHA3_224'],
  ] as const)
    for (const kind of ['Request', 'Response']) {
      const version = `<ProtocolVersion><ProtocolVersionMajor type="Integer" value="${minor === 4 ? 1 : 2}"/><ProtocolVersionMinor type="Integer" value="${minor}"/></ProtocolVersion>`
      const message = `<${kind}Message><${kind}Header>${version}${parameters(name)}</${kind}Header></${kind}Message>`
      assert.ok(
        toText('xml', fromText('xml', Buffer.from(message)))
          .toString()
          .endsWith(message),
        message,
      )
    }
  assert.ok(
    toText('xml', fromText('xml', Buffer.from(xml('SHA_3_224'))))
      .toString()
      .endsWith(xml('SHA3_224')),
  )
})

function attribute(name: string, value: string): string {
  return `<Attribute><AttributeName type="TextString" value="${name}"/><AttributeValue type="${value}"/></Attribute>`
}

test('the value of a 1.x attribute is written as its name says', () => {
  for (const [name, value] of [
    ['Object Type', 'Enumeration" value="SymmetricKey'],
    ['Cryptographic Usage Mask', 'Integer" value="Encrypt Decrypt'],
    ['x-Custom', 'Enumeration" value="0x00000002'],
    ['Cryptographic Length', 'Integer" value="12'],
  ] as const) {
    const xml = attribute(name, value)
    assert.ok(
      toText('xml', fromText('xml', Buffer.from(xml)))
        .toString()
        .endsWith(xml),
      name,
    )
  }
  assert.throws(() => fromText('xml', Buffer.from(attribute('x-Custom', 'Enumeration" value="SymmetricKey'))))
})

const published = path.join(root, '../shared/kmip/message-encodings.json')

const skip = !existsSync(published) && '../shared is not here: no published encodings to compare with'

test('the published encodings', { skip }, () => {
  const cases = JSON.parse(readFileSync(published, 'utf8')) as readonly {
    readonly hex: string
    readonly xml: string
    readonly json: string | null
  }[]
  for (const { hex, xml, json } of cases) {
    const bytes = Buffer.from(hex, 'hex')
    assert.equal(fromText('xml', Buffer.from(xml)).toString('hex'), hex)
    if (json !== null) assert.equal(fromText('json', Buffer.from(json)).toString('hex'), hex)
    assert.equal(toText('xml', bytes).toString().split('\n')[1]?.replaceAll('"/>', '" />'), xml)
    assert.equal(fromText('json', toText('json', bytes)).toString('hex'), hex)
  }
})
