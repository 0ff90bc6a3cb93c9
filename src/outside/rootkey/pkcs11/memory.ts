// Memory that a module reads and writes during a call. This file lays out the structures of PKCS #11 by hand, for 64-bit Linux: every
// field that Mortise uses is an unsigned long or a pointer, of 8 bytes each. Only the helper process uses it.

export type AddressOf = (buffer: Buffer) => bigint

export interface Attribute {
  readonly type: number
  /** A number is a CK_ULONG, a boolean a CK_BBOOL. */
  readonly value: Uint8Array | number | boolean
}

/** Keeps the buffers that its methods return alive until `free`, which wipes them. */
export class Memory {
  readonly #addressOf: AddressOf
  readonly #buffers: Buffer[] = []

  constructor(addressOf: AddressOf) {
    this.#addressOf = addressOf
  }

  /** `length` zero bytes. */
  space(length: number): Buffer {
    const buffer = Buffer.alloc(length)
    this.#buffers.push(buffer)
    return buffer
  }

  copy(bytes: Uint8Array): Buffer {
    const buffer = this.space(bytes.length)
    buffer.set(bytes)
    return buffer
  }

  /** The address of a buffer; NULL for an empty one. */
  at(buffer: Buffer): bigint {
    return buffer.length === 0 ? 0n : this.#addressOf(buffer)
  }

  /** One structure of numbers and pointers. */
  fields(...values: readonly (number | bigint | Buffer)[]): Buffer {
    const buffer = this.space(values.length * ulongBytes)
    values.forEach((value, index) => {
      const number = Buffer.isBuffer(value) ? this.at(value) : BigInt(value)
      buffer.writeBigUInt64LE(number, index * ulongBytes)
    })
    return buffer
  }

  /** CK_MECHANISM */
  mechanism(type: number, parameter: Buffer = Buffer.alloc(0)): Buffer {
    return this.fields(type, parameter, parameter.length)
  }

  /** An array of CK_ATTRIBUTE. */
  template(attributes: readonly Attribute[]): Buffer {
    return this.fields(
      ...attributes.flatMap(({ type, value }) => {
        const bytes = this.copy(bytesOf(value))
        return [type, bytes, bytes.length]
      }),
    )
  }

  free(): void {
    for (const buffer of this.#buffers) buffer.fill(0)
    this.#buffers.length = 0
  }
}

export const ulongBytes = 8
/** The three fields of a CK_ATTRIBUTE. */
export const attributeBytes = 3 * ulongBytes

function bytesOf(value: Attribute['value']): Uint8Array {
  if (typeof value === 'boolean') return Buffer.of(Number(value))
  if (typeof value !== 'number') return value
  const bytes = Buffer.alloc(ulongBytes)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

/** A CK_ULONG that a module wrote. */
export function ulong(buffer: Buffer, index = 0): number {
  return Number(buffer.readBigUInt64LE(index * ulongBytes))
}
