// Decodes bytes into values, following a schema, in one pass. Strict: it checks every length, padding byte, boolean,
// text and range, and fields must stand in the schema's order. Bounded: it limits bytes, depth and number of items. It
// throws nothing but TtlvError, whatever the bytes are.

import { isUtf8 } from 'node:buffer'
import { messageBytesMax, structureDepthMax } from '../../base/bounds.ts'
import { TtlvError } from './error.ts'
import type { TtlvErrorCode } from './error.ts'
import { isIn, simpleSchemas } from './schema.ts'
import type {
  AnyItem,
  AnyValue,
  EnumerationNames,
  SchemaField,
  ItemSchema,
  Schema,
  Shape,
  StructureShape,
} from './schema.ts'
import { headerBytes, itemTypeNames, itemTypes, lengthFits, paddedBytes } from './wire.ts'

/** The most TTLV items in one decoded part, structures included. A part is a message without its payloads, or one payload. */
const messageItemsMax = 20_000

export interface DecodeOptions {
  /** The tag that the item must have. */
  readonly tag: number
  /** The version of the message. The fields that it requires must be present. */
  readonly version: number
  /** The decoder also reads fields and values up to this version. Default: `version`. */
  readonly newest?: number
  /** `refuse`: a field that the schema lacks is an error. `ignore`: it is skipped if it is well formed. */
  readonly unknownFields?: 'refuse' | 'ignore'
  readonly bytesMax?: number
  readonly depthMax?: number
  readonly itemsMax?: number
  /** The highest item type number of the version. Default: that of the newest standard. */
  readonly typeMax?: number
}

/**
 * Decodes `bytes`, which must be exactly one item. Byte strings in the value are views into `bytes`. Throws TtlvError.
 */
export function decode<T>(schema: ItemSchema<T>, bytes: Uint8Array, options: DecodeOptions): T {
  const decoder = new Decoder(bytes, options)
  return decoder.root(schema, options.tag) as T
}

type Value = Record<string, unknown>

const nothing: readonly never[] = Object.freeze([])

class Decoder {
  readonly #buffer: Buffer
  readonly #version: number
  readonly #newest: number
  readonly #ignoreUnknown: boolean
  readonly #bytesMax: number
  readonly #depthMax: number
  #itemsLeft: number
  readonly #typeMax: number
  /** The names of the fields being read, outermost first. */
  readonly #path: string[] = []

  constructor(bytes: Uint8Array, options: DecodeOptions) {
    this.#buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#version = options.version
    this.#newest = options.newest ?? options.version
    this.#ignoreUnknown = options.unknownFields === 'ignore'
    this.#bytesMax = options.bytesMax ?? messageBytesMax
    this.#depthMax = options.depthMax ?? structureDepthMax
    this.#itemsLeft = options.itemsMax ?? messageItemsMax
    this.#typeMax = options.typeMax ?? itemTypes.DateTimeExtended
  }

  root(schema: Schema, tag: number): unknown {
    const bytes = this.#buffer.length
    if (bytes > this.#bytesMax) throw this.#error('too-large', `more than ${this.#bytesMax} bytes`, 0)
    const end = this.#header(0, bytes)
    if (this.#tag(0) !== tag) throw this.#error('wrong-tag', `expected ${tagText(tag)}`, 0)
    if (end !== bytes) throw this.#error('malformed', 'bytes after the item', end)
    return this.#item(schema.shape, 0, end, 1, {})
  }

  // ------------------------------------------------------------ Items

  /** Checks that a whole item begins at `at` and ends by `end`, with padding. Returns the item's end. */
  #header(at: number, end: number): number {
    if (end - at < headerBytes) throw this.#error('malformed', 'an item is cut off', at)
    if (--this.#itemsLeft < 0) throw this.#error('too-many', 'too many items', at)
    const buffer = this.#buffer
    const type = this.#type(at)
    const lengthBytes = buffer.readUInt32BE(at + 4)
    if (itemTypeNames[type] === undefined || type > this.#typeMax)
      throw this.#error('malformed', 'no such item type', at)
    if (!lengthFits(type, lengthBytes))
      throw this.#error('malformed', 'a length that its type cannot have', at)
    const valueEnd = at + headerBytes + lengthBytes
    const itemEnd = at + headerBytes + paddedBytes(lengthBytes)
    if (itemEnd > end) throw this.#error('malformed', 'an item is longer than its place', at)
    for (let i = valueEnd; i < itemEnd; i++) {
      if (buffer[i] !== 0) throw this.#error('malformed', 'padding that is not zero', at)
    }
    return itemEnd
  }

  /** Decodes an item whose header is checked. `siblings`: the fields before it in its structure. */
  #item(shape: Shape, at: number, end: number, depth: number, siblings: Value): unknown {
    const buffer = this.#buffer
    const start = at + headerBytes
    if (shape.type !== undefined && shape.type !== this.#type(at)) throw this.#wrongType(at)
    switch (shape.kind) {
      case 'Structure':
        return this.#structure(shape, start, end, depth)
      case 'Integer':
        return buffer.readInt32BE(start)
      case 'Mask':
      case 'Interval':
        return buffer.readUInt32BE(start)
      case 'LongInteger':
      case 'DateTime':
      case 'DateTimeExtended':
        return buffer.readBigInt64BE(start)
      case 'BigInteger':
        return this.#bigInteger(start, end)
      case 'Enumeration':
        return this.#enumeration(shape.names, at)
      case 'Boolean':
        return this.#boolean(at)
      case 'TextString':
      case 'Identifier':
      case 'Reference':
      case 'NameReference':
        return this.#text(at)
      case 'ByteString':
        return this.#bytes(at)
      case 'Any':
        return this.#any(at, end, depth)
      case 'Raw':
        if (shape.checked) this.#check(at, end, depth)
        return buffer.subarray(at, end)
      case 'OneOf':
        return this.#item(this.#choice(shape.choices, at).shape, at, end, depth, siblings)
      case 'Dependent':
        break
    }
    return this.#item(shape.choose(siblings, this.#version).shape, at, end, depth, siblings)
  }

  // ------------------------------------------------------------ Structures

  #structure(shape: StructureShape, start: number, end: number, depth: number): Value {
    this.#enter(depth, start)
    const value: Value = {}
    let last = -1
    for (let at = start; at < end;) {
      const itemEnd = this.#header(at, end)
      const field = this.#field(shape, at)
      if (field === undefined) {
        this.#check(at, itemEnd, depth + 1)
      } else {
        if (shape.ordered && field.index < last && value[field.name] === undefined) {
          throw this.#error('malformed', `${field.name} is out of order`, at)
        }
        this.#read(field, value, at, itemEnd, depth)
        last = field.index
      }
      at = itemEnd
    }
    this.#complete(shape, value, start)
    return value
  }

  /** Finds the field that begins at `at`. Undefined: an unknown field, to be skipped. */
  #field(shape: StructureShape, at: number): SchemaField | undefined {
    const tag = this.#tag(at)
    const field = shape.byTag.get(tag)
    if (field !== undefined && this.#reads(field.schema)) return field
    if (this.#ignoreUnknown) return undefined
    throw this.#error('unknown-field', `unknown field ${tagText(tag)}`, at)
  }

  #read(field: SchemaField, value: Value, at: number, end: number, depth: number): void {
    const { name, schema } = field
    this.#path.push(name)
    const before = value[name]
    const many = schema.presence === 'repeated' || schema.presence === 'oneOrMore'
    if (before !== undefined && !many) throw this.#error('repeated-field', 'stands twice', at)
    const item = this.#item(schema.shape, at, end, depth + 1, value)
    if (!many) value[name] = item
    else if (before === undefined) value[name] = [item]
    else (before as unknown[]).push(item)
    this.#path.pop()
  }

  #complete(shape: StructureShape, value: Value, start: number): void {
    for (const { name, schema } of shape.always) {
      if (value[name] !== undefined) continue
      if (schema.presence === 'repeated') value[name] = nothing
      else if (isIn(schema, this.#version)) {
        throw this.#error('missing-field', `${name} is missing`, start - headerBytes)
      }
    }
  }

  #enter(depth: number, at: number): void {
    if (depth > this.#depthMax) throw this.#error('too-deep', 'structures are nested too deep', at)
  }

  #reads(range: { readonly since: number; readonly until: number }): boolean {
    return range.since <= this.#newest && this.#version <= range.until
  }

  #choice(choices: readonly Schema[], at: number): Schema {
    const type = this.#type(at)
    for (const choice of choices) {
      if (choice.shape.type === type || choice.shape.type === undefined) return choice
    }
    throw this.#wrongType(at)
  }

  // ------------------------------------------------------------ Values

  #enumeration(names: EnumerationNames | undefined, at: number): unknown {
    const code = this.#buffer.readUInt32BE(at + headerBytes)
    if (names === undefined) return code
    const known = names.byCode.get(code)
    if (known === undefined || !this.#reads(known)) {
      throw this.#error('unknown-value', `no such value: ${code}`, at)
    }
    return known.name
  }

  #bigInteger(start: number, end: number): bigint {
    return BigInt.asIntN((end - start) * 8, BigInt(`0x${this.#buffer.toString('hex', start, end)}`))
  }

  #boolean(at: number): boolean {
    const value = this.#buffer.readBigUInt64BE(at + headerBytes)
    if (value > 1n) throw this.#error('malformed', 'a boolean that is neither 0 nor 1', at)
    return value === 1n
  }

  #bytes(at: number): Buffer {
    const start = at + headerBytes
    return this.#buffer.subarray(start, start + this.#buffer.readUInt32BE(at + 4))
  }

  #text(at: number): string {
    const start = at + headerBytes
    const text = this.#buffer.toString('utf8', start, start + this.#buffer.readUInt32BE(at + 4))
    // Invalid UTF-8 becomes this character, but a valid text may hold it too.
    if (text.includes('\uFFFD') && !isUtf8(this.#bytes(at)))
      throw this.#error('malformed', 'text that is not UTF-8', at)
    return text
  }

  // ------------------------------------------------------------ Items of unknown meaning

  #any(at: number, end: number, depth: number): AnyValue {
    const type = itemTypeNames[this.#type(at)]
    if (type === undefined) throw this.#wrongType(at)
    if (type !== 'Structure') {
      return { type, value: this.#item(simpleSchemas[type].shape, at, end, depth, {}) } as AnyValue
    }
    this.#enter(depth, at)
    const items: AnyItem[] = []
    for (let next = at + headerBytes; next < end;) {
      const itemEnd = this.#header(next, end)
      items.push({ tag: this.#tag(next), item: this.#any(next, itemEnd, depth + 1) })
      next = itemEnd
    }
    return { type, value: items }
  }

  /** Checks that an item is well formed at every level. The caller has checked its header. */
  #check(at: number, end: number, depth: number): void {
    const type = this.#type(at)
    if (type === itemTypes.Boolean) this.#boolean(at)
    if (type !== itemTypes.Structure) return
    this.#enter(depth, at)
    for (let next = at + headerBytes; next < end;) {
      const itemEnd = this.#header(next, end)
      this.#check(next, itemEnd, depth + 1)
      next = itemEnd
    }
  }

  // ------------------------------------------------------------ Headers and errors

  #tag(at: number): number {
    return this.#buffer.readUIntBE(at, 3)
  }

  #type(at: number): number {
    return this.#buffer.readUInt8(at + 3)
  }

  #wrongType(at: number): TtlvError {
    return this.#error('wrong-type', `cannot be of type ${itemTypeNames[this.#type(at)] ?? 'unknown'}`, at)
  }

  #error(code: TtlvErrorCode, what: string, offset: number): TtlvError {
    return new TtlvError(code, what, { path: this.#path.join('.'), offset })
  }
}

function tagText(tag: number): string {
  return tag.toString(16).padStart(6, '0')
}
