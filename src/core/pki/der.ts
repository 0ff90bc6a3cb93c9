// Walks DER by hand, to find names in certificates of unknown peers. It reads one element at a time and never enters one that is
// not needed, so depth and number of elements cost nothing. Libraries do full parsing.

/** The most bytes of an object identifier in DER. Real ones have ten, and those made from a UUID twenty. */
export const objectIdentifierBytesMax = 128

/** One element: its tag byte, its content, and where the next element begins. */
export interface DerElement {
  readonly tag: number
  readonly content: Buffer
  readonly endAt: number
}

/** The bytes are not DER, or not in the expected form. This folder turns it into a PkiError. */
export class DerError extends Error {
  override readonly name = 'DerError'
}

/**
 * Reads the element at `at`, which must have one of these tags and end within `der`. A length must be definite and in its
 * shortest form, as DER requires, so that this file refuses bytes that OpenSSL might read differently.
 */
export function elementAt(der: Buffer, at: number, ...tags: readonly number[]): DerElement {
  const [tag, first] = der.subarray(at, at + 2)
  if (tag === undefined || first === undefined) throw new DerError('an element is missing')
  if (!tags.includes(tag)) throw new DerError(`an element has the tag ${tag}`)
  const lengthBytes = first < 0x80 ? 0 : first - 0x80
  const contentAt = at + 2 + lengthBytes
  if (first === 0x80 || lengthBytes > 3 || contentAt > der.length) throw new DerError('a length is not DER')
  const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes)
  const shortest = lengthBytes === 0 ? 0 : Math.max(0x80, 2 ** (8 * (lengthBytes - 1)))
  if (length < shortest) throw new DerError('a length is not in its shortest form')
  const endAt = contentAt + length
  if (endAt > der.length) throw new DerError('an element is longer than what holds it')
  return { tag, content: der.subarray(contentAt, endAt), endAt }
}

/** The elements of `content`, all of which must have this tag. */
export function* elementsOf(content: Buffer, tag: number): Generator<Buffer> {
  for (let at = 0; at < content.length;) {
    const element = elementAt(content, at, tag)
    yield element.content
    at = element.endAt
  }
}

/** The only element in `der`. */
export function soleElement(der: Buffer, ...tags: readonly number[]): DerElement {
  const element = elementAt(der, 0, ...tags)
  if (element.endAt !== der.length) throw new DerError('there is something behind an element')
  return element
}

/** An OBJECT IDENTIFIER as text, such as `2.5.4.3`. The time grows with the square of its length, so the length is bounded. */
export function dottedIdentifier(content: Buffer): string {
  if (content.length > objectIdentifierBytesMax) throw new DerError('an identifier is too long')
  const arcs: bigint[] = []
  let arc = 0n
  for (const byte of content) {
    arc = (arc << 7n) | BigInt(byte & 0x7f)
    if (byte >= 0x80) continue
    arcs.push(arc)
    arc = 0n
  }
  const [first, ...rest] = arcs
  if (first === undefined || (content.at(-1) ?? 0) >= 0x80) throw new DerError('an identifier is cut off')
  const root = first < 80n ? first / 40n : 2n
  return [root, first - root * 40n, ...rest].join('.')
}

/** Throws DerError for more than `elementsMax` elements, nested ones included, since a library takes long to parse them. */
export function requireFewElements(der: Buffer, elementsMax: number): void {
  const open: Buffer[] = [der]
  let count = 0
  for (let content = open.pop(); content; content = open.pop())
    for (let at = 0; at < content.length;) {
      const element = elementAt(content, at, content[at] ?? -1)
      if (++count > elementsMax) throw new DerError('it has too many elements')
      if ((element.tag & constructed) !== 0) open.push(element.content)
      at = element.endAt
    }
}

const constructed = 0x20
