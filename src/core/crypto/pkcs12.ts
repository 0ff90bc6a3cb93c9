// Writes a PKCS#12 container (RFC 7292): a private key and its certificates, encrypted under a password by PBES2 (AES-256-CBC,
// PBKDF2 with SHA-256), with a MAC over the content. It is slow on purpose, and runs on a thread of the pool.

import { createCipheriv, createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import {
  identifier,
  nothing,
  octetString,
  sequence,
  set,
  tagged,
  text16,
  unsigned,
  writeDer,
  type DerNode,
} from './der.ts'

export interface Pkcs12Content {
  /** PKCS#8. */
  readonly privateKey: Uint8Array
  /** In DER, the key's own certificate first. */
  readonly certificates: readonly Uint8Array[]
  /** UTF-8. */
  readonly password: Uint8Array
  readonly friendlyName: string
}

/** The caller wipes the bytes. */
export function writePkcs12({ privateKey, certificates, password, friendlyName }: Pkcs12Content): Uint8Array {
  const keyId = createHash('sha256').update(privateKey).digest().subarray(0, 20)
  const names = attributes(friendlyName, keyId)
  const key = sequence(
    identifier(ids.shroudedKeyBag),
    tagged(0, sequence(...encrypted(privateKey, password))),
    names,
  )
  const bags = certificates.map((der, index) => certificateBag(der, index === 0 ? names : undefined))
  const safes = [...(bags.length > 0 ? [encryptedSafe(bags, password)] : []), plain(writeDer(sequence(key)))]
  const authenticated = writeDer(sequence(...safes))
  return writeDer(sequence(number(3), plain(authenticated), mac(authenticated, password)))
}

const iterations = 100_000
/** The derivation of PKCS#12 computes hash by hash. More iterations would take long and add little to the MAC. */
const macIterations = 10_000
const saltBytes = 16

function number(value: number): DerNode {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return unsigned(bytes)
}

function plain(content: Uint8Array): DerNode {
  return sequence(identifier(ids.data), tagged(0, octetString(content)))
}

function attributes(friendlyName: string, keyId: Uint8Array): DerNode {
  return set(
    sequence(identifier(ids.friendlyName), set(text16(bigEndian16(friendlyName)))),
    sequence(identifier(ids.localKeyId), set(octetString(keyId))),
  )
}

function bigEndian16(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16()
}

function certificateBag(der: Uint8Array, names: DerNode | undefined): DerNode {
  const value = tagged(0, sequence(identifier(ids.x509), tagged(0, octetString(der))))
  return sequence(identifier(ids.certificateBag), value, ...(names ? [names] : []))
}

function encryptedSafe(bags: readonly DerNode[], password: Uint8Array): DerNode {
  const content = writeDer(sequence(...bags))
  const [algorithm, ciphertext] = encrypt(content, password)
  // [0] IMPLICIT OCTET STRING: the context's tag replaces that of the string.
  const info = sequence(identifier(ids.data), algorithm, { tag: 0x80, content: [ciphertext] })
  return sequence(identifier(ids.encryptedData), tagged(0, sequence(number(0), info)))
}

/** The fields of an EncryptedPrivateKeyInfo. */
function encrypted(content: Uint8Array, password: Uint8Array): readonly DerNode[] {
  const [algorithm, ciphertext] = encrypt(content, password)
  return [algorithm, octetString(ciphertext)]
}

function encrypt(content: Uint8Array, password: Uint8Array): readonly [DerNode, Buffer] {
  const [salt, iv] = [randomBytes(saltBytes), randomBytes(16)]
  const key = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const cipher = createCipheriv('aes-256-cbc', key, iv)
  key.fill(0)
  const derivation = sequence(
    identifier(ids.pbkdf2),
    sequence(octetString(salt), number(iterations), sequence(identifier(ids.hmacSha256), nothing)),
  )
  const scheme = sequence(identifier(ids.aes256Cbc), octetString(iv))
  const algorithm = sequence(identifier(ids.pbes2), sequence(derivation, scheme))
  return [algorithm, Buffer.concat([cipher.update(content), cipher.final()])]
}

function mac(content: Uint8Array, password: Uint8Array): DerNode {
  const salt = randomBytes(saltBytes)
  const key = pkcs12Key({
    hash: 'sha256',
    purpose: 'mac',
    password,
    salt,
    iterations: macIterations,
    bytes: 32,
  })
  const digest = createHmac('sha256', key).update(content).digest()
  key.fill(0)
  const info = sequence(sequence(identifier(ids.sha256), nothing), octetString(digest))
  return sequence(info, octetString(salt), number(macIterations))
}

// ---------------------------------------------------------------- Keys of a password

// The derivation of keys from a password in PKCS#12 (RFC 7292 appendix B), for its MACs and its older ciphers.

/** The number of each use of the derived bytes. */
const purposes = { key: 1, iv: 2, mac: 3 } as const

interface Pkcs12KeyParameters {
  readonly hash: string
  readonly purpose: keyof typeof purposes
  /** UTF-8. */
  readonly password: Uint8Array
  readonly salt: Uint8Array
  readonly iterations: number
  readonly bytes: number
}

/** The caller wipes the bytes. */
export function pkcs12Key({ hash, purpose, password, salt, iterations, bytes }: Pkcs12KeyParameters): Buffer {
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

/** Repeats the bytes to whole blocks. */
function filled(bytes: Uint8Array, blockBytes: number): Buffer {
  const whole = Buffer.alloc(Math.ceil(bytes.length / blockBytes) * blockBytes)
  for (let at = 0; at < whole.length; at++) whole[at] = bytes[at % bytes.length] ?? 0
  return whole
}

/** Adds the addend and 1 to each block of the input, as numbers. */
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

/** The password in UTF-16, big-endian, with a zero at its end. It is read byte by byte, since a string cannot be wiped. */
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

// ---------------------------------------------------------------- Object identifiers

// The object identifiers of PKCS#12 (RFC 7292) and of its algorithms, with Node's names.

const hashes: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}

const prfs: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
}

const ciphers: Readonly<Record<string, { readonly name: string; readonly keyBytes: number }>> = {
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyBytes: 24 },
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyBytes: 32 },
}

export const ids = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  x509: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
  sha1TripleDes: '1.2.840.113549.1.12.1.3',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  hmacSha256: '1.2.840.113549.2.9',
  aes256Cbc: '2.16.840.1.101.3.4.1.42',
  sha256: '2.16.840.1.101.3.4.2.1',
  hashes,
  prfs,
  ciphers,
} as const
