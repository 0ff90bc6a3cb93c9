// Encodes values into bytes, following a schema, in one pass. It leaves out fields and values that the version lacks, so a
// handler may always answer in the newest version's terms. A value that does not fit its schema is a bug of the caller:
// TypeError.

import { isIn, simpleSchemas } from './schema.ts'
import type {
  AnyValue,
  EnumerationName,
  EnumerationNames,
  ItemSchema,
  Schema,
  Shape,
  StructureShape,
} from './schema.ts'
import { headerBytes, itemTypes, paddedBytes } from './wire.ts'

export interface EncodeOptions {
  readonly tag: number
  readonly version: number
}

/** Encodes one item, header included. The caller owns the buffer and may fill it with zeros after sending it. */
export function encode<T>(schema: ItemSchema<T>, value: T, options: EncodeOptions): Buffer {
  const encoder = new Encoder(options.version)
  return encoder.root(schema, value, options.tag)
}

type Value = Readonly<Record<string, unknown>>

const firstBytes = 512
const int32Min = -(2 ** 31)
const int32Max = 2 ** 31 - 1
const uint32Max = 2 ** 32 - 1

class Encoder {
  readonly #version: number
  #buffer: Buffer = Buffer.allocUnsafe(firstBytes)
  /** The position of the next byte. */
  #at = 0
  /** The names of the fields being written, outermost first. */
  readonly #path: string[] = []

  constructor(version: number) {
    this.#version = version
  }

  root(schema: Schema, value: unknown, tag: number): Buffer {
    this.#item(schema.shape, tag, value, {})
    return this.#buffer.subarray(0, this.#at)
  }

  // ------------------------------------------------------------ Items

  #item(shape: Shape, tag: number, value: unknown, siblings: Value): void {
    switch (shape.kind) {
      case 'Structure':
        return this.#structure(shape, tag, value)
      case 'Integer':
        return this.#integer(tag, itemTypes.Integer, value)
      case 'Mask':
        return this.#unsigned(tag, itemTypes.Integer, value)
      case 'Interval':
        return this.#unsigned(tag, itemTypes.Interval, value)
      case 'Enumeration':
        return this.#unsigned(tag, itemTypes.Enumeration, this.#code(shape.names, value))
      case 'LongInteger':
      case 'DateTime':
      case 'DateTimeExtended':
        return this.#long(tag, itemTypes[shape.kind], value)
      case 'BigInteger':
        return this.#bigInteger(tag, value)
      case 'Boolean':
        return this.#boolean(tag, value)
      case 'TextString':
      case 'Identifier':
      case 'Reference':
      case 'NameReference':
        return this.#text(tag, itemTypes[shape.kind], value)
      case 'ByteString':
        return this.#bytes(tag, value)
      case 'Any':
        return this.#any(tag, value as AnyValue)
      case 'Raw':
        return this.#raw(tag, value)
      case 'OneOf':
        return this.#item(this.#choice(shape.choices, value).shape, tag, value, siblings)
      case 'Dependent':
        return this.#item(shape.choose(siblings, this.#version).shape, tag, value, siblings)
    }
  }

  #structure(shape: StructureShape, tag: number, value: unknown): void {
    if (typeof value !== 'object' || value === null) throw this.#misfit('a structure')
    const start = this.#open(tag)
    const fields = value as Value
    for (const { name, tag: fieldTag, schema } of shape.fields) {
      const field = fields[name]
      if (field === undefined && (schema.presence === 'optional' || schema.presence === 'repeated')) continue
      if (!isIn(schema, this.#version)) continue
      this.#path.push(name)
      this.#field(schema, fieldTag, field, fields)
      this.#path.pop()
    }
    this.#close(start)
  }

  #field(schema: Schema, tag: number, field: unknown, siblings: Value): void {
    if (schema.presence === 'repeated' || schema.presence === 'oneOrMore') {
      this.#each(schema, tag, field, siblings)
    } else if (field !== undefined && !this.#lacks(schema.shape, field)) {
      this.#item(schema.shape, tag, field, siblings)
    } else if (schema.presence === 'required') {
      throw this.#misfit(`a value that version ${this.#version} has`)
    }
  }

  #each(schema: Schema, tag: number, items: unknown, siblings: Value): void {
    let isEmpty = true
    for (const item of (items ?? []) as readonly unknown[]) {
      if (this.#lacks(schema.shape, item)) continue
      this.#item(schema.shape, tag, item, siblings)
      isEmpty = false
    }
    if (isEmpty && schema.presence === 'oneOrMore') throw this.#misfit('one value at least')
  }

  /** Whether the version lacks the value with this name: a later version introduced it, or an earlier one removed it. */
  #lacks(shape: Shape, value: unknown): boolean {
    if (shape.kind !== 'Enumeration' || shape.names === undefined) return false
    return !isIn(this.#known(shape.names, value), this.#version)
  }

  #choice(choices: readonly Schema[], value: unknown): Schema {
    for (const choice of choices) if (fits(choice.shape, value)) return choice
    throw this.#misfit('one of its choices')
  }

  // ------------------------------------------------------------ Values

  #integer(tag: number, type: number, value: unknown): void {
    if (!isWhole(value, int32Min, int32Max)) throw this.#misfit('a whole number of 32 bits')
    const at = this.#short(tag, type)
    this.#buffer.writeInt32BE(value, at)
  }

  #unsigned(tag: number, type: number, value: unknown): void {
    if (!isWhole(value, 0, uint32Max)) throw this.#misfit('a whole number of 32 bits, not negative')
    const at = this.#short(tag, type)
    this.#buffer.writeUInt32BE(value, at)
  }

  #long(tag: number, type: number, value: unknown): void {
    if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) throw this.#misfit('64 bits')
    const at = this.#head(tag, type, 8)
    this.#buffer.writeBigInt64BE(value, at)
  }

  #boolean(tag: number, value: unknown): void {
    if (typeof value !== 'boolean') throw this.#misfit('a boolean')
    const at = this.#head(tag, itemTypes.Boolean, 8)
    this.#buffer.writeBigUInt64BE(value ? 1n : 0n, at)
  }

  #bigInteger(tag: number, value: unknown): void {
    if (typeof value !== 'bigint') throw this.#misfit('a bigint')
    const magnitude = value < 0n ? ~value : value
    const bits = magnitude.toString(2).length + 1 // one for the sign
    const lengthBytes = paddedBytes(Math.ceil(bits / 8))
    const hex = BigInt.asUintN(lengthBytes * 8, value)
      .toString(16)
      .padStart(lengthBytes * 2, '0')
    const at = this.#head(tag, itemTypes.BigInteger, lengthBytes)
    this.#buffer.write(hex, at, 'hex')
  }

  #text(tag: number, type: number, value: unknown): void {
    if (typeof value !== 'string') throw this.#misfit('text')
    const lengthBytes = Buffer.byteLength(value, 'utf8')
    const at = this.#head(tag, type, lengthBytes)
    this.#buffer.write(value, at, lengthBytes, 'utf8')
  }

  #bytes(tag: number, value: unknown): void {
    if (!(value instanceof Uint8Array)) throw this.#misfit('bytes')
    const at = this.#head(tag, itemTypes.ByteString, value.length)
    this.#buffer.set(value, at)
  }

  #raw(tag: number, value: unknown): void {
    if (!(value instanceof Uint8Array)) throw this.#misfit('a whole item')
    this.#reserve(value.length)
    this.#buffer.set(value, this.#at)
    if (value.length < headerBytes || this.#buffer.readUIntBE(this.#at, 3) !== tag) {
      throw this.#misfit('an item with its own tag')
    }
    this.#at += value.length
  }

  #any(tag: number, value: AnyValue): void {
    if (value.type === 'Structure') {
      const start = this.#open(tag)
      for (const { tag: itemTag, item } of value.value) this.#any(itemTag, item)
      return this.#close(start)
    }
    return this.#item(simpleSchemas[value.type].shape, tag, value.value, {})
  }

  #code(names: EnumerationNames | undefined, value: unknown): unknown {
    return names === undefined ? value : this.#known(names, value).code
  }

  #known(names: EnumerationNames, value: unknown): EnumerationName {
    const known = names.byName.get(value as string)
    if (known === undefined) throw this.#misfit('a name of its enumeration')
    return known
  }

  // ------------------------------------------------------------ Headers and room

  /** Begins an item and fills its padding with zeros. Returns the position of its value. */
  #head(tag: number, type: number, lengthBytes: number): number {
    const valueBytes = paddedBytes(lengthBytes)
    this.#reserve(headerBytes + valueBytes)
    const at = this.#at + headerBytes
    this.#buffer.writeUInt32BE(tag * 256 + type, this.#at)
    this.#buffer.writeUInt32BE(lengthBytes, this.#at + 4)
    if (valueBytes > lengthBytes) this.#buffer.fill(0, at + lengthBytes, at + valueBytes)
    this.#at = at + valueBytes
    return at
  }

  /** Does what `#head` does, for the types of 4 bytes, without a call of `fill`, which would take most of the time. */
  #short(tag: number, type: number): number {
    this.#reserve(headerBytes + 8)
    const at = this.#at + headerBytes
    this.#buffer.writeUInt32BE(tag * 256 + type, this.#at)
    this.#buffer.writeUInt32BE(4, this.#at + 4)
    this.#buffer.writeUInt32BE(0, at + 4)
    this.#at = at + 8
    return at
  }

  #open(tag: number): number {
    return this.#head(tag, itemTypes.Structure, 0)
  }

  #close(start: number): void {
    this.#buffer.writeUInt32BE(this.#at - start, start - 4)
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer.fill(0, 0, this.#at) // it may hold key material
    this.#buffer = larger
  }

  #misfit(expected: string): TypeError {
    return new TypeError(`encode ${this.#path.join('.')}: expected ${expected}`)
  }
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
}

/** Whether this shape can hold a value of this kind. */
function fits(shape: Shape, value: unknown): boolean {
  switch (shape.kind) {
    case 'TextString':
    case 'Identifier':
    case 'Reference':
    case 'NameReference':
      return typeof value === 'string'
    case 'Enumeration':
      return shape.names === undefined
        ? typeof value === 'number'
        : typeof value === 'string' && shape.names.byName.has(value)
    case 'Integer':
    case 'Mask':
    case 'Interval':
      return typeof value === 'number'
    case 'LongInteger':
    case 'BigInteger':
    case 'DateTime':
    case 'DateTimeExtended':
      return typeof value === 'bigint'
    case 'Boolean':
      return typeof value === 'boolean'
    case 'ByteString':
    case 'Raw':
      return value instanceof Uint8Array
    case 'Structure':
      return (
        typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && !('type' in value)
      )
    case 'Any':
      return typeof value === 'object' && value !== null && 'type' in value
    case 'OneOf':
      return shape.choices.some((choice) => fits(choice.shape, value))
    case 'Dependent':
      break
  }
  return false
}
