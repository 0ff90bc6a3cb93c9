// Writes a PKCS#12 container (RFC 7292): a private key and its certificates, encrypted under a password by PBES2 (AES-256-CBC,
// PBKDF2 with SHA-256), with a MAC over all. Slow on purpose: it runs on a thread of the pool.

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
import { ids } from './pkcs12-ids.ts'
import { pkcs12Key } from './pkcs12-key.ts'

export interface Pkcs12Wanted {
  /** PKCS#8. */
  readonly privateKey: Uint8Array
  /** In DER, that of the key first. */
  readonly certificates: readonly Uint8Array[]
  /** UTF-8. */
  readonly password: Uint8Array
  readonly friendlyName: string
}

/** The bytes are the caller's to wipe. */
export function writePkcs12({ privateKey, certificates, password, friendlyName }: Pkcs12Wanted): Uint8Array {
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
/** The derivation of PKCS#12 goes hash by hash: more would take long and add little to the MAC. */
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
  // [0] IMPLICIT OCTET STRING: the tag of the context in place of that of the string.
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
