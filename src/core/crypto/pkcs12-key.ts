// How PKCS#12 makes keys of a password (RFC 7292 appendix B), for its MACs and its older ciphers.

import { createHash } from 'node:crypto'

/** The number that stands for each use of the derived bytes. */
const purposes = { key: 1, iv: 2, mac: 3 } as const

interface Pkcs12KeyWanted {
  readonly hash: string
  readonly purpose: keyof typeof purposes
  /** UTF-8. */
  readonly password: Uint8Array
  readonly salt: Uint8Array
  readonly iterations: number
  readonly bytes: number
}

/** The bytes are the caller's to wipe. */
export function pkcs12Key({ hash, purpose, password, salt, iterations, bytes }: Pkcs12KeyWanted): Buffer {
  const blockBytes = hash === 'sha384' || hash === 'sha512' ? 128 : 64
  const word = passwordWord(password)
  const start = Buffer.alloc(blockBytes, purposes[purpose])
  const input = Buffer.concat([filled(salt, blockBytes), filled(word, blockBytes)])
  word.fill(0)
  const blocks: Buffer[] = []
  for (let made = 0; made < bytes;) {
    let block = createHash(hash).update(start).update(input).digest()
    for (let round = 1; round < iterations; round++) block = createHash(hash).update(block).digest()
    blocks.push(block)
    made += block.length
    addToEach(input, filled(block, blockBytes), blockBytes)
  }
  input.fill(0)
  const all = Buffer.concat(blocks)
  for (const block of blocks) block.fill(0)
  const key = Buffer.from(all.subarray(0, bytes))
  all.fill(0)
  return key
}

/** The bytes repeated to whole blocks. */
function filled(bytes: Uint8Array, blockBytes: number): Buffer {
  const whole = Buffer.alloc(Math.ceil(bytes.length / blockBytes) * blockBytes)
  for (let at = 0; at < whole.length; at++) whole[at] = bytes[at % bytes.length] ?? 0
  return whole
}

/** Each block of the input becomes itself, plus the addend, plus 1, as numbers. */
function addToEach(input: Buffer, addend: Buffer, blockBytes: number): void {
  for (let end = blockBytes; end <= input.length; end += blockBytes) {
    let carry = 1
    for (let at = 1; at <= blockBytes; at++) {
      const sum = (input[end - at] ?? 0) + (addend[blockBytes - at] ?? 0) + carry
      input[end - at] = sum & 0xff
      carry = sum >> 8
    }
  }
}

/** The password in UTF-16, big-endian, with a zero behind it: read byte by byte, since a text could not be wiped. */
function passwordWord(utf8: Uint8Array): Buffer {
  const word = Buffer.alloc(2 * utf8.length + 2)
  let end = 0
  for (let at = 0; at < utf8.length;) {
    const lead = utf8[at] ?? 0
    const more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3
    let point = more === 0 ? lead : lead & (0x3f >> more)
    for (let next = 1; next <= more; next++) point = (point << 6) | ((utf8[at + next] ?? 0) & 0x3f)
    at += more + 1
    if (point < 0x10000) end = word.writeUInt16BE(point, end)
    else {
      end = word.writeUInt16BE(0xd800 + ((point - 0x10000) >> 10), end)
      end = word.writeUInt16BE(0xdc00 + ((point - 0x10000) & 0x3ff), end)
    }
  }
  return word.subarray(0, end + 2)
}
