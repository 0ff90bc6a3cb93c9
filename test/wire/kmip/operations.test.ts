// What the payloads hold in each version, against a list that is written down (test/vectors/kmip-payload-fields.txt): whoever
// changes a field changes what goes over the wire, and must say so there. And every field of every version goes there and back.
//
// A line of the list is a structure with its fields, in the order of the specification. A field is its name, its type if it
// is no structure, `?` if it may be missing, `*` for any number, `+` for at least one, and the versions that have it unless all do.
// `npm run wire-fields` writes the list again.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { attributes, type AttributeFact } from '../../../src/wire/kmip/attribute-table.ts'
import { existsIn } from '../../../src/wire/kmip/attributes.ts'
import { enums } from '../../../src/wire/kmip/enums.ts'
import { operationExistsIn, operations, type OperationName } from '../../../src/wire/kmip/operations.ts'
import {
  decodeRequestPayload,
  decodeResponsePayload,
  encodeRequestPayload,
  encodeResponsePayload,
} from '../../../src/wire/kmip/payload.ts'
import { ordinal, versionOf, versions, type Version } from '../../../src/wire/kmip/version.ts'
import {
  isIn,
  type SchemaField,
  type Schema,
  type Shape,
  type Siblings,
} from '../../../src/wire/ttlv/schema.ts'

const file = path.join(import.meta.dirname, '../../vectors/kmip-payload-fields.txt')
const names = Object.keys(operations) as OperationName[]

// ---------------------------------------------------------------- The list

class List {
  readonly lines: string[] = []
  /** The name of each structure that has its line. */
  readonly #named = new Map<string, string>()

  add(name: string, schema: Schema): void {
    this.lines.push(`${name}: ${this.#content(name, schema.shape)}`)
  }

  #content(name: string, shape: Shape): string {
    if (shape.kind !== 'Structure') return this.#type(name, shape, '')
    const fields = shape.fields.map((field) => this.#field(field))
    return `${shape.ordered ? '' : 'in any order '}${fields.join(', ')}`
  }

  #field({ name, schema }: SchemaField): string {
    const often = { required: '', optional: '?', repeated: '*', oneOrMore: '+' }[schema.presence]
    const since = versionOf(schema.since) ?? ''
    const until = versionOf(schema.until) ?? ''
    const when = since + until === '' ? '' : ` (${since}-${until})`
    return `${name}${often} ${this.#type(name, schema.shape, name)}${when}`.replace(/ {2}/, ' ').trimEnd()
  }

  #type(name: string, shape: Shape, field: string): string {
    if (shape.kind === 'Structure') return this.#structure(name, shape)
    if (shape.kind === 'Enumeration') return `Enumeration ${enumerationName(shape, field)}`.trimEnd()
    if (shape.kind === 'OneOf')
      return shape.choices.map((choice) => this.#type(name, choice.shape, field)).join(' or ')
    if (shape.kind !== 'Dependent') return shape.kind
    const all = probes(field).map(([siblings, version]) =>
      this.#type(name, shape.choose(siblings, version).shape, field),
    )
    return [...new Set(all)].join(' or ')
  }

  /** The same structure under the same name has one line. */
  #structure(name: string, shape: Shape): string {
    const content = this.#content(name, shape)
    const known = this.#named.get(content)
    if (known !== undefined) return known
    const taken = [...this.#named.values()].filter(
      (other) => other.replace(/#\d+$/, '') === `{${name}}`,
    ).length
    const called = taken === 0 ? `{${name}}` : `{${name}}#${taken + 1}`
    this.#named.set(content, called)
    this.lines.push(`${called}: ${content}`)
    return called
  }
}

/** Where several enumerations have the same values, the one that is called like the field. */
function enumerationName({ names: known }: Shape & { readonly kind: 'Enumeration' }, field: string): string {
  if (!known) return ''
  const own = [...known.byName.keys()]
  const found = Object.entries(enums).filter(([, table]) => {
    const theirs = Object.keys(table)
    return theirs.length === own.length && theirs.every((name, index) => name === own[index])
  })
  return (found.find(([name]) => name === field) ?? found[0])?.[0] ?? `of ${own.length}`
}

/** What the schema of a field may depend on: the fields before it and the version. */
function probes(field: string): readonly (readonly [Siblings, number])[] {
  if (field === 'KeyValue')
    return Object.keys(enums.KeyFormatType).map((KeyFormatType) => [{ KeyFormatType }, ordinal('2.1')])
  if (field === 'AttributeValue')
    return [...Object.values<AttributeFact>(attributes), { name: 'x-Custom' }].map(({ name }) => [
      { AttributeName: name },
      ordinal('1.4'),
    ])
  return versions.map((version) => [{}, ordinal(version)])
}

function listed(): string {
  const list = new List()
  for (const name of names) {
    list.add(`${name} request`, operations[name].request)
    list.add(`${name} response`, operations[name].response)
  }
  return `${list.lines.join('\n')}\n`
}

if (process.argv.includes('--write')) writeFileSync(file, listed())

test('payloads hold the fields that are written down, in their order, and no others', () => {
  const expected = readFileSync(file, 'utf8').split('\n')
  const found = listed().split('\n')
  const meant = 'if the wire is to change so, write the list again: npm run wire-fields'
  for (const [index, line] of found.entries()) {
    const [listed = 'no more lines'] = expected.slice(index)
    assert.ok(line === listed, `${meant}\nfound:   ${line}\nin the list: ${listed}`)
  }
  assert.equal(found.length, expected.length, meant)
})

// ---------------------------------------------------------------- There and back

const simple: Readonly<Record<string, unknown>> = {
  Integer: 7,
  Mask: 12,
  LongInteger: 2n ** 40n,
  BigInteger: -(2n ** 70n),
  Boolean: true,
  TextString: 'tëxt',
  Identifier: 'tëxt',
  Reference: 'tëxt',
  ByteString: Buffer.from('00ff10', 'hex'),
  DateTime: 1_800_000_000n,
  DateTimeExtended: 1_800_000_000_000_001n,
  Interval: 4_000_000_000,
  Any: { type: 'Structure', value: [{ tag: 0x42000b, item: { type: 'Integer', value: 3 } }] },
}

/** A value with every field that the version has. `choice`: which of several schemas, and which value of an enumeration. */
function whole(shape: Shape, version: Version, choice: number, siblings: Siblings = {}): unknown {
  const at = ordinal(version)
  if (shape.kind === 'Structure') {
    const value: Record<string, unknown> = {}
    for (const { name, schema } of shape.fields) {
      if (!isIn(schema, at)) {
        // What may occur any number of times occurs no times.
        if (schema.presence === 'repeated') value[name] = []
        continue
      }
      const many = schema.presence === 'repeated' || schema.presence === 'oneOrMore'
      if (name === 'AttributeName' && !many)
        value[name] = wireNames(version)[choice % wireNames(version).length]
      else if (many && name === 'Attribute' && version < '2.0')
        value[name] = wireNames(version).map((_, index) => whole(schema.shape, version, index, value))
      else {
        const one = (more: number) => whole(schema.shape, version, choice + more, value)
        value[name] = many ? [one(0), one(1)] : one(0)
      }
    }
    return value
  }
  if (shape.kind === 'Enumeration') {
    if (!shape.names) return 0x1234
    const there = [...shape.names.byName.values()].filter((one) => isIn(one, at))
    return there[choice % there.length]?.name
  }
  if (shape.kind === 'OneOf') {
    // An enumeration has no value yet in an early version.
    const all = shape.choices.map((one) => whole(one.shape, version, choice, siblings))
    return all[choice % all.length] ?? all[0]
  }
  if (shape.kind === 'Dependent') return whole(shape.choose(siblings, at).shape, version, choice, siblings)
  if (shape.kind === 'Raw') return Buffer.from('42000b02000000040000000300000000', 'hex')
  return simple[shape.kind]
}

/** Attributes of 1.x by name, for which the version has a value. */
function wireNames(version: Version): readonly string[] {
  return Object.entries<AttributeFact>(attributes)
    .filter(([key]) => existsIn(key, version))
    .map(([, { name }]) => name)
}

/** Bytes as hex digits, since some come back as a view. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
}

for (const version of versions)
  test(`KMIP ${version}: every field of every payload goes there and back`, () => {
    const dialect = { version, unknownFields: 'refuse' } as const
    for (const name of names.filter((one) => operationExistsIn(one, version)))
      for (let choice = 0; choice < 3; choice++) {
        const about = `${name} in ${version}, choice ${choice}`
        const request = whole(operations[name].request.shape, version, choice) as never
        const sent = encodeRequestPayload(name, request, version)
        assert.deepEqual(plain(decodeRequestPayload(name, sent, dialect)), plain(request), about)
        const response = whole(operations[name].response.shape, version, choice) as never
        const answered = encodeResponsePayload(name, response, version)
        assert.deepEqual(plain(decodeResponsePayload(name, answered, dialect)), plain(response), about)
      }
  })
