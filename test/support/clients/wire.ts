// TTLV as plain trees, read and written without any of the server's own code, so that what judges the server does not
// share its mistakes. Strict in reading (KMIP 1.4 §9.1); knows tags by number, and a handful by name.

export const types = {
  Structure: 1,
  Integer: 2,
  LongInteger: 3,
  BigInteger: 4,
  Enumeration: 5,
  Boolean: 6,
  TextString: 7,
  ByteString: 8,
  DateTime: 9,
  Interval: 10,
  DateTimeExtended: 11,
  Identifier: 12,
  Reference: 13,
  NameReference: 14,
} as const

export const tags = {
  Attribute: 0x420008,
  AttributeName: 0x42000a,
  AttributeValue: 0x42000b,
  Authentication: 0x42000c,
  BatchCount: 0x42000d,
  BatchErrorContinuationOption: 0x42000e,
  BatchItem: 0x42000f,
  Credential: 0x420023,
  CredentialType: 0x420024,
  CredentialValue: 0x420025,
  CryptographicAlgorithm: 0x420028,
  CryptographicLength: 0x42002a,
  KeyBlock: 0x420040,
  KeyFormatType: 0x420042,
  KeyMaterial: 0x420043,
  KeyValue: 0x420045,
  MaximumItems: 0x42004f,
  ObjectType: 0x420057,
  Operation: 0x42005c,
  ProtocolVersion: 0x420069,
  ProtocolVersionMajor: 0x42006a,
  ProtocolVersionMinor: 0x42006b,
  QueryFunction: 0x420074,
  RequestHeader: 0x420077,
  RequestMessage: 0x420078,
  RequestPayload: 0x420079,
  ResponseHeader: 0x42007a,
  ResponseMessage: 0x42007b,
  ResponsePayload: 0x42007c,
  ResultMessage: 0x42007d,
  ResultReason: 0x42007e,
  ResultStatus: 0x42007f,
  RevocationReason: 0x420081,
  RevocationReasonCode: 0x420082,
  SymmetricKey: 0x42008f,
  TemplateAttribute: 0x420091,
  TimeStamp: 0x420092,
  UniqueBatchItemID: 0x420093,
  UniqueIdentifier: 0x420094,
  Username: 0x420099,
  VendorIdentification: 0x42009d,
  Password: 0x4200a1,
  OffsetItems: 0x4200d4,
} as const

export const operations = {
  Create: 1,
  Locate: 8,
  Get: 10,
  GetAttributes: 11,
  AddAttribute: 13,
  Activate: 18,
  Revoke: 19,
  Destroy: 20,
  Query: 24,
  DiscoverVersions: 30,
} as const

export type Leaf = number | bigint | boolean | string | Buffer
export interface Item {
  readonly tag: number
  readonly type: number
  readonly value: Leaf | readonly Item[]
}

export type TagName = keyof typeof tags

// ---------------------------------------------------------------- making

const make =
  (type: number) =>
  (tag: TagName | number, value: Leaf | readonly Item[]): Item => ({
    tag: typeof tag === 'number' ? tag : tags[tag],
    type,
    value,
  })

export const integer: (tag: TagName | number, value: number) => Item = make(types.Integer)
export const enumeration: (tag: TagName | number, value: number) => Item = make(types.Enumeration)
export const text: (tag: TagName | number, value: string) => Item = make(types.TextString)

export function struct(tag: TagName | number, ...items: (Item | undefined)[]): Item {
  return make(types.Structure)(
    tag,
    items.filter((item) => item !== undefined),
  )
}

export function write(item: Item): Buffer {
  const body = writeValue(item)
  const header = Buffer.alloc(8)
  header.writeUIntBE(item.tag, 0, 3)
  header[3] = item.type
  header.writeUInt32BE(body.length, 4)
  return Buffer.concat([header, body, Buffer.alloc((8 - (body.length % 8)) % 8)])
}

function writeValue({ type, value }: Item): Buffer {
  if (typeof value === 'object' && !Buffer.isBuffer(value)) return Buffer.concat(value.map(write))
  if (typeof value === 'string') return Buffer.from(value)
  if (Buffer.isBuffer(value)) return value
  if (typeof value === 'number') {
    const four = Buffer.alloc(4)
    if (type === types.Integer) four.writeInt32BE(value)
    else four.writeUInt32BE(value)
    return four
  }
  const eight = Buffer.alloc(8)
  eight.writeBigInt64BE(typeof value === 'boolean' ? (value ? 1n : 0n) : value)
  return eight
}

// ---------------------------------------------------------------- reading

/** One whole item, and nothing after it. Throws an Error that says where it is wrong. */
export function read(source: Buffer): Item {
  const { item, next } = readItem(source, 0, source.length)
  if (next !== source.length) throw new Error(`${source.length - next} bytes after the message`)
  return item
}

function readItem(source: Buffer, at: number, end: number): { item: Item; next: number } {
  const fail = (what: string): never => {
    throw new Error(`TTLV at byte ${at}: ${what}`)
  }
  if (end - at < 8) fail('no room for a header')
  const tag = source.readUIntBE(at, 3)
  const type = source.readUInt8(at + 3)
  const length = source.readUInt32BE(at + 4)
  const start = at + 8
  const next = start + Math.ceil(length / 8) * 8
  if (next > end) fail(`length ${length} does not fit`)
  if (source.subarray(start + length, next).some((byte) => byte !== 0)) fail('padding is not zero')
  if (type === types.Structure) {
    if (length % 8 !== 0) fail('a structure whose length is no multiple of 8')
    const items: Item[] = []
    for (let inner = start; inner < next;) {
      const found = readItem(source, inner, next)
      items.push(found.item)
      inner = found.next
    }
    return { item: { tag, type, value: items }, next }
  }
  const value =
    readLeaf(source.subarray(start, start + length), type) ?? fail(`type ${type} with length ${length}`)
  return { item: { tag, type, value }, next }
}

function readLeaf(body: Buffer, type: number): Leaf | undefined {
  switch (type) {
    case types.Integer:
      return body.length === 4 ? body.readInt32BE() : undefined
    case types.Enumeration:
    case types.Interval:
      return body.length === 4 ? body.readUInt32BE() : undefined
    case types.LongInteger:
    case types.DateTime:
    case types.DateTimeExtended:
      return body.length === 8 ? body.readBigInt64BE() : undefined
    case types.Boolean:
      return body.length === 8 && body.readBigUInt64BE() < 2n ? body.readBigUInt64BE() === 1n : undefined
    case types.TextString:
    case types.Identifier:
    case types.Reference:
    case types.NameReference:
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
    case types.ByteString:
      return body
    case types.BigInteger:
      return body.length % 8 === 0 ? body : undefined
    default:
      return undefined
  }
}

/** The items directly in a structure. */
export function inside(item: Item | undefined): readonly Item[] {
  return item !== undefined && typeof item.value === 'object' && !Buffer.isBuffer(item.value)
    ? item.value
    : []
}

export function all(item: Item | undefined, tag: TagName): Item[] {
  return inside(item).filter((inner) => inner.tag === tags[tag])
}

/** Follows the path of tags through structures; the first of each. */
export function find(item: Item | undefined, ...way: TagName[]): Item | undefined {
  let current = item
  for (const tag of way) current = all(current, tag)[0]
  return current
}

export function textOf(item: Item | undefined): string | undefined {
  return typeof item?.value === 'string' ? item.value : undefined
}

export function numberOf(item: Item | undefined): number | undefined {
  return typeof item?.value === 'number' ? item.value : undefined
}

export function bytesOf(item: Item | undefined): Buffer | undefined {
  return Buffer.isBuffer(item?.value) ? item.value : undefined
}

/** A copy in which each leaf is what `change` makes of it. */
export function mapLeaves(item: Item, change: (leaf: Item) => Item): Item {
  if (item.type !== types.Structure) return change(item)
  return { ...item, value: inside(item).map((inner) => mapLeaves(inner, change)) }
}

/** Every item of the tree, the root included. */
export function* walk(item: Item): Generator<Item> {
  yield item
  for (const inner of inside(item)) yield* walk(inner)
}
