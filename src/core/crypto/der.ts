// DER of keys: the writer (core/pki/write-der.ts), and a reader of the fields of a SEQUENCE, which reads elements with
// core/pki/der.ts. Pure.

import { DerError, dottedIdentifier, elementAt, soleElement } from '../pki/der.ts'
import { derTags } from '../pki/write-der.ts'

export { DerError }
export * from '../pki/write-der.ts'

/** Reads the elements inside a constructed one, in order. Every method throws DerError. */
export class DerFields {
  readonly #content: Buffer
  #at = 0

  constructor(content: Buffer) {
    this.#content = content
  }

  /** The fields of the SEQUENCE that makes up these bytes. */
  static of(der: Uint8Array): DerFields {
    const bytes = Buffer.from(der.buffer, der.byteOffset, der.byteLength)
    return new DerFields(soleElement(bytes, derTags.sequence).content)
  }

  /** The content of the next element, which must have this tag. */
  next(tag: number): Buffer {
    const element = elementAt(this.#content, this.#at, tag)
    this.#at = element.endAt
    return element.content
  }

  /** The content of the next element if it has this tag. Undefined otherwise. */
  optional(tag: number): Buffer | undefined {
    return this.#content[this.#at] === tag ? this.next(tag) : undefined
  }

  sequence(): DerFields {
    return new DerFields(this.next(derTags.sequence))
  }

  /** The next element as a whole, with tag and length, of any kind. */
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
