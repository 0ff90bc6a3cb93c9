// DER of keys: a writer that lays the whole value out once, so that key bytes are copied to one place only, and a reader
// of the fields of a SEQUENCE. pki/der.ts reads the single elements. Pure.

import { DerError, dottedIdentifier, elementAt, soleElement } from '../pki/der.ts'

export { DerError }

/** A value to write: a tag with bytes, or with further values. */
export interface DerNode {
  readonly tag: number
  readonly content: readonly (Uint8Array | DerNode)[]
}

export const derTags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  nothing: 0x05,
  identifier: 0x06,
  sequence: 0x30,
  set: 0x31,
  text16: 0x1e,
} as const

function node(tag: number, ...content: readonly (Uint8Array | DerNode)[]): DerNode {
  return { tag, content }
}

export function sequence(...content: readonly (Uint8Array | DerNode)[]): DerNode {
  return node(derTags.sequence, ...content)
}

export function octetString(...content: readonly (Uint8Array | DerNode)[]): DerNode {
  return node(derTags.octetString, ...content)
}

export function set(...content: readonly DerNode[]): DerNode {
  return node(derTags.set, ...content)
}

/** A BMPString. */
export function text16(bytes: Uint8Array): DerNode {
  return node(derTags.text16, bytes)
}

/** A BIT STRING of whole bytes. */
export function bitString(...content: readonly (Uint8Array | DerNode)[]): DerNode {
  return node(derTags.bitString, Buffer.of(0), ...content)
}

/** The context-specific tag [number], EXPLICIT or of a constructed type. */
export function tagged(number: number, ...content: readonly (Uint8Array | DerNode)[]): DerNode {
  return node(0xa0 + number, ...content)
}

export const nothing: DerNode = node(derTags.nothing)

/** An INTEGER that is not negative, of its bytes, big-endian. */
export function unsigned(bytes: Uint8Array): DerNode {
  const start = bytes.findIndex((byte) => byte !== 0)
  const shortest = start < 0 ? Buffer.of(0) : bytes.subarray(start)
  return (shortest[0] ?? 0) >= 0x80
    ? node(derTags.integer, Buffer.of(0), shortest)
    : node(derTags.integer, shortest)
}

/** An OBJECT IDENTIFIER of its dotted text. */
export function identifier(dotted: string): DerNode {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return node(derTags.identifier, Buffer.from([first * 40 + second, ...rest].flatMap(base128)))
}

function base128(arc: number): readonly number[] {
  const bytes = [arc % 128]
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
    bytes.unshift(128 + (left % 128))
  return bytes
}

export function writeDer(root: DerNode): Buffer {
  const bytes = Buffer.alloc(sizeOf(root))
  write(root, bytes, 0)
  return bytes
}

function contentSize({ content }: DerNode): number {
  return content.reduce((sum, part) => sum + (part instanceof Uint8Array ? part.length : sizeOf(part)), 0)
}

function sizeOf(part: DerNode): number {
  const size = contentSize(part)
  return 2 + lengthBytes(size) + size
}

/** How many bytes follow the first one of a length. */
function lengthBytes(size: number): number {
  if (size < 0x80) return 0
  return Math.ceil(size.toString(16).length / 2)
}

function write(part: DerNode, bytes: Buffer, start: number): number {
  const size = contentSize(part)
  const more = lengthBytes(size)
  let at = bytes.writeUInt8(part.tag, start)
  at = bytes.writeUInt8(more === 0 ? size : 0x80 + more, at)
  if (more > 0) at = bytes.writeUIntBE(size, at, more)
  for (const inner of part.content) {
    if (inner instanceof Uint8Array) {
      bytes.set(inner, at)
      at += inner.length
    } else at = write(inner, bytes, at)
  }
  return at
}

/** Reads the elements within a constructed one, in order. Every method throws DerError. */
export class DerFields {
  readonly #content: Buffer
  #at = 0

  constructor(content: Buffer) {
    this.#content = content
  }

  /** The fields of the only element in these bytes, a SEQUENCE. */
  static of(der: Uint8Array): DerFields {
    const bytes = Buffer.from(der.buffer, der.byteOffset, der.byteLength)
    return new DerFields(soleElement(bytes, derTags.sequence).content)
  }

  /** The content of the next element, which has this tag. */
  next(tag: number): Buffer {
    const element = elementAt(this.#content, this.#at, tag)
    this.#at = element.endAt
    return element.content
  }

  /** The same, or undefined if the next element has another tag or there is none. */
  optional(tag: number): Buffer | undefined {
    return this.#content[this.#at] === tag ? this.next(tag) : undefined
  }

  sequence(): DerFields {
    return new DerFields(this.next(derTags.sequence))
  }

  /** The next element whole, with tag and length, whatever it is. */
  whole(): Buffer {
    const tag = this.#content[this.#at]
    if (tag === undefined) throw new DerError('an element is missing')
    const from = this.#at
    this.next(tag)
    return this.#content.subarray(from, this.#at)
  }

  /** An INTEGER that is not negative, without leading zeros. */
  unsigned(): Buffer {
    const content = this.next(derTags.integer)
    const [first = 0x80, second] = content
    if (first >= 0x80 || (first === 0 && second !== undefined && second < 0x80))
      throw new DerError('a number is negative or not in its shortest form')
    return first === 0 && content.length > 1 ? content.subarray(1) : content
  }

  /** A small INTEGER: a version or a count. */
  small(): number {
    const bytes = this.unsigned()
    if (bytes.length > 4) throw new DerError('a number is too large')
    return bytes.readUIntBE(0, bytes.length)
  }

  identifier(): string {
    return dottedIdentifier(this.next(derTags.identifier))
  }

  /** A BIT STRING of whole bytes. */
  bits(): Buffer {
    const content = this.next(derTags.bitString)
    if (content[0] !== 0) throw new DerError('a bit string does not end with a byte')
    return content.subarray(1)
  }

  get isAtEnd(): boolean {
    return this.#at === this.#content.length
  }

  end(): void {
    if (!this.isAtEnd) throw new DerError('there are more fields than expected')
  }
}
