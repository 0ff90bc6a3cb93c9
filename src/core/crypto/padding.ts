// The paddings of block ciphers. Adding one needs no key. Removing one must not reveal how it was wrong: the code looks at all
// bytes of the last block, and the caller has one answer for every failure.

import { randomFillSync } from 'node:crypto'
import { CryptoError } from './error.ts'

/** KMIP's names (KMIP 1.4 §9.1.3.2.15). `Zeros` is not supported, since it does not show which zeros were data. */
export type Padding = 'None' | 'PKCS5' | 'ANSIX9_23' | 'ISO10126'

export function paddingOf(name: string | undefined): Padding {
  switch (name) {
    case undefined:
    case 'None':
      return 'None'
    case 'PKCS5':
    case 'ANSIX9_23':
    case 'ISO10126':
      return name
    default:
      throw new CryptoError('unsupported', `this server does not pad a block cipher with ${name}`)
  }
}

/** The padding after data that leaves `used` bytes in its last block: between one byte and a whole block. */
export function padBytes(padding: Exclude<Padding, 'None'>, used: number, blockBytes: number): Uint8Array {
  const count = blockBytes - used
  const bytes = new Uint8Array(count)
  if (padding === 'PKCS5') bytes.fill(count)
  if (padding === 'ISO10126') randomFillSync(bytes)
  bytes[count - 1] = count
  return bytes
}

/** How many bytes of the last block are data. Undefined: its padding is wrong. */
export function dataInLastBlock(padding: Exclude<Padding, 'None'>, block: Uint8Array): number | undefined {
  const { length } = block
  const count = block[length - 1] ?? 0
  // Uses arithmetic instead of branches: negative differences have their sign bit set.
  let wrong = ((count - 1) | (length - count)) >>> 31
  for (const [index, byte] of block.entries()) {
    const isPadding = (length - count - 1 - index) >>> 31
    const isLast = index === length - 1 ? 1 : 0
    const expected = padding === 'PKCS5' ? count : 0
    const matters = padding === 'ISO10126' ? 0 : padding === 'PKCS5' ? 1 : 1 - isLast
    wrong |= isPadding * matters * (byte ^ expected)
  }
  return wrong === 0 ? length - count : undefined
}
