// Writes DER. It first computes the size of the whole value, so that the bytes of keys are copied only once. Pure.

/** A value to write: a tag with bytes, or with nested values. */
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

/** An INTEGER that is not negative, from its big-endian bytes. */
export function unsigned(bytes: Uint8Array): DerNode {
  const start = bytes.findIndex((byte) => byte !== 0)
  const shortest = start < 0 ? Buffer.of(0) : bytes.subarray(start)
  return (shortest[0] ?? 0) >= 0x80
    ? node(derTags.integer, Buffer.of(0), shortest)
    : node(derTags.integer, shortest)
}

/** An OBJECT IDENTIFIER, from its dotted text. */
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

/** How many bytes follow the first byte of a length. */
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
