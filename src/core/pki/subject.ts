// Distinguished names: DER to attributes, attributes to text. The text follows RFC 4514. It also escapes characters that must not
// be printed (control and direction characters), since an untrusted certificate may be full of them. build-name.ts writes names.

import { DerError, dottedIdentifier, elementAt, elementsOf, soleElement } from './der.ts'

/** Bounds of a subject or an issuer. Real names have a few hundred bytes and at most ten attributes. */
const certificateNameBytesMax = 4 * 1024
const certificateNameAttributesMax = 64
/** The longest value that is not text and is shown in hex. */
const certificateNameHexBytesMax = 128

export interface SubjectAttribute {
  /** A short name from the table, or the dotted object identifier. */
  readonly type: string
  /** The unescaped value of the certificate. `#` and hex if it is not a string. */
  readonly value: string
}

/** Relative distinguished names in the certificate's order. Nearly all have one attribute. */
export type Subject = readonly (readonly SubjectAttribute[])[]

export const attributeTypes: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  SN: '2.5.4.4',
  serialNumber: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  STREET: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  title: '2.5.4.12',
  GN: '2.5.4.42',
  UID: '0.9.2342.19200300.100.1.1',
  DC: '0.9.2342.19200300.100.1.25',
  emailAddress: '1.2.840.113549.1.9.1',
}

const typeNames: ReadonlyMap<string, string> = new Map(
  Object.entries(attributeTypes).map(([name, identifier]) => [identifier, name]),
)

const sequence = 0x30
const set = 0x31
const objectIdentifier = 0x06

/**
 * The attributes of a DER `Name` from an untrusted certificate. It reads exactly four levels, does not enter the values, and
 * bounds size and number, so that the time is bounded too. Throws DerError.
 */
export function readName(der: Buffer): Subject {
  if (der.length > certificateNameBytesMax) throw new DerError('the name is too long')
  const subject: SubjectAttribute[][] = []
  let count = 0
  for (const part of elementsOf(soleElement(der, sequence).content, set)) {
    const attributes = Array.from(elementsOf(part, sequence), readAttribute)
    count += attributes.length
    if (attributes.length === 0 || count > certificateNameAttributesMax)
      throw new DerError('the name has an empty part, or too many')
    subject.push(attributes)
  }
  return subject
}

function readAttribute(content: Buffer): SubjectAttribute {
  const type = elementAt(content, 0, objectIdentifier)
  const identifier = dottedIdentifier(type.content)
  return { type: typeNames.get(identifier) ?? identifier, value: readValue(content.subarray(type.endAt)) }
}

/** The text of a string. Any other value becomes `#` and its DER in hex. */
function readValue(der: Buffer): string {
  const { tag, content } = soleElement(der, der[0] ?? -1)
  const decode = stringKinds.get(tag)
  if (decode) return decode(content)
  if (der.length > certificateNameHexBytesMax)
    throw new DerError('the name has a long value that is not text')
  return `#${der.toString('hex')}`
}

const latin1 = (content: Buffer) => content.toString('latin1')

/** The kinds of DirectoryString (RFC 5280 §4.1.2.4), and IA5String, by tag. */
const stringKinds: ReadonlyMap<number, (content: Buffer) => string> = new Map([
  [0x0c, readUtf8],
  [0x13, latin1],
  [0x14, latin1],
  [0x16, latin1],
  [0x1c, readUtf32],
  [0x1e, readUtf16],
])

function readUtf8(content: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch (cause) {
    throw new DerError('a text is not UTF-8', { cause })
  }
}

function readUtf16(content: Buffer): string {
  if (content.length % 2 !== 0) throw new DerError('a text is not UTF-16')
  return Buffer.from(content).swap16().toString('utf16le')
}

function readUtf32(content: Buffer): string {
  const characters: number[] = []
  for (let at = 0; at < content.length; at += 4) {
    const character = at + 4 > content.length ? Infinity : content.readUInt32BE(at)
    if (character > 0x10ffff) throw new DerError('a text is not UTF-32')
    characters.push(character)
  }
  return String.fromCodePoint(...characters)
}

/** RFC 4514: the last part of the name first, `,` between parts, `+` within a part. '' for an empty name. */
export function nameText(subject: Subject): string {
  return subject
    .toReversed()
    .map((part) => part.map(({ type, value }) => `${type}=${escapeValue(value)}`).join('+'))
    .join(',')
}

/** Whether every character can be shown: no control, direction, unassigned or line-breaking characters. */
export function isPrintable(text: string): boolean {
  return !unprintable.test(text)
}

const unprintable = /[\p{C}\p{Zl}\p{Zp}]/u

function escapeValue(value: string): string {
  return value
    .replace(/[\\,+"<>;=]/g, (character) => `\\${character}`)
    .replace(/^[# ]| $/g, (character) => `\\${character}`)
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
      [...Buffer.from(character)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join(''),
    )
}
