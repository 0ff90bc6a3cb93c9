// The layout of an item in bytes (KMIP 1.4 §9.1.1): tag (3 bytes), type (1), length (4), value, zero bytes up to a
// multiple of 8. The length does not count the item's own padding. A structure's length counts the padding of the items
// inside it.

export const headerBytes = 8

export const itemTypes = {
  Structure: 0x01,
  Integer: 0x02,
  LongInteger: 0x03,
  BigInteger: 0x04,
  Enumeration: 0x05,
  Boolean: 0x06,
  TextString: 0x07,
  ByteString: 0x08,
  DateTime: 0x09,
  Interval: 0x0a,
  DateTimeExtended: 0x0b,
  // Text that names an object: by its identifier, by a link, or by its name (KMIP 3.0, a draft).
  Identifier: 0x0c,
  Reference: 0x0d,
  NameReference: 0x0e,
} as const

export type ItemType = keyof typeof itemTypes

/** The name of each type number. Undefined for a number that is not a type. */
export const itemTypeNames: readonly (ItemType | undefined)[] = Array.from({ length: 0x0f }, (_, code) => {
  for (const [name, value] of Object.entries(itemTypes)) if (value === code) return name as ItemType
  return undefined
})

/** The types whose values are text in UTF-8. */
export type TextType = 'TextString' | 'Identifier' | 'Reference' | 'NameReference'

const textTypes: ReadonlySet<string> = new Set<TextType>([
  'TextString',
  'Identifier',
  'Reference',
  'NameReference',
])

export function isTextType(type: string): type is TextType {
  return textTypes.has(type)
}

/** The bytes that an item of this length takes, without its header. */
export function paddedBytes(lengthBytes: number): number {
  return Math.ceil(lengthBytes / 8) * 8
}

/** Whether a value of the item type `code` can have this length. */
export function lengthFits(code: number, lengthBytes: number): boolean {
  switch (code) {
    case itemTypes.Integer:
    case itemTypes.Enumeration:
    case itemTypes.Interval:
      return lengthBytes === 4
    case itemTypes.LongInteger:
    case itemTypes.Boolean:
    case itemTypes.DateTime:
    case itemTypes.DateTimeExtended:
      return lengthBytes === 8
    case itemTypes.Structure:
      return lengthBytes % 8 === 0
    case itemTypes.BigInteger:
      return lengthBytes % 8 === 0 && lengthBytes > 0
    default:
      return true
  }
}
