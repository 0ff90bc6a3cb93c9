// Makes a CMS file (RFC 5652, RFC 5083: AuthEnvelopedData, AES-256-GCM) piece by piece, for recipients with certificates: RSA by
// OAEP, P-256 by a key agreement (RFC 5753). `openssl cms -decrypt` opens it. Its length is unknown at the beginning, so its
// outer elements have indefinite length (X.690 §8.1.3.6).

import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  X509Certificate,
  type CipherGCM,
  type KeyObject,
} from 'node:crypto'
import {
  bitString,
  DerError,
  DerFields,
  derTags,
  identifier,
  octetString,
  sequence,
  set,
  tagged,
  unsigned,
  writeDer,
  type DerNode,
} from '../crypto/der.ts'
import { elementAt } from '../pki/der.ts'
import { NoRecipient, pemBegin, type SealedFile } from './sealed-file.ts'

const ids = {
  authEnvelopedData: '1.2.840.113549.1.9.16.1.23',
  data: '1.2.840.113549.1.7.1',
  aes256Gcm: '2.16.840.1.101.3.4.1.46',
  aes256Wrap: '2.16.840.1.101.3.4.1.45',
  oaep: '1.2.840.113549.1.1.7',
  mgf1: '1.2.840.113549.1.1.8',
  sha256: '2.16.840.1.101.3.4.2.1',
  ecPublicKey: '1.2.840.10045.2.1',
  /** dhSinglePass-stdDH-sha256kdf-scheme */
  agreement: '1.3.132.1.11.1',
} as const

const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16
const chunkBytes = 64 * 1024
const rsaBitsMin = 2048
const curve = 'prime256v1'
const wrapIv = Buffer.alloc(8, 0xa6)

const endOfContents = Buffer.of(0, 0)
const indefinite = { sequence: Buffer.of(derTags.sequence, 0x80), tagged: Buffer.of(0xa0, 0x80) } as const
/** The bytes of the file before the recipients. */
const beginning = Buffer.concat([
  indefinite.sequence,
  writeDer(identifier(ids.authEnvelopedData)),
  indefinite.tagged,
  indefinite.sequence,
  writeDer(number(0)),
])
const contentType = Buffer.concat([indefinite.sequence, writeDer(identifier(ids.data))])

/** `recipients`: certificates in PEM, at least one. Throws NoRecipient. */
export function createCmsFile(recipients: readonly string[]): SealedFile {
  const certificates = recipients.map(certificateOf)
  const key = randomBytes(keyBytes)
  const nonce = randomBytes(nonceBytes)
  const infos = certificates.map((certificate) => recipientInfo(certificate, key))
  const algorithm = sequence(identifier(ids.aes256Gcm), sequence(octetString(nonce), number(tagBytes)))
  const head = [beginning, writeDer(set(...infos)), contentType, writeDer(algorithm), indefinite.tagged]
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
  key.fill(0)
  return new CmsFile(Buffer.concat(head), cipher)
}

class CmsFile implements SealedFile {
  readonly head: Buffer
  readonly #cipher: CipherGCM

  constructor(head: Buffer, cipher: CipherGCM) {
    this.head = head
    this.#cipher = cipher
  }

  write(plaintext: Uint8Array): readonly Buffer[] {
    const pieces: Buffer[] = []
    for (let at = 0; at < plaintext.length; at += chunkBytes)
      pieces.push(writeDer(octetString(this.#cipher.update(plaintext.subarray(at, at + chunkBytes)))))
    return pieces
  }

  end(): Buffer {
    const rest = this.#cipher.final()
    if (rest.length > 0) throw new Error('GCM kept a part of the data')
    const tag = writeDer(octetString(this.#cipher.getAuthTag()))
    return Buffer.concat([endOfContents, endOfContents, tag, endOfContents, endOfContents, endOfContents])
  }

  /** Does nothing: Node holds the key, and this code cannot reach it. */
  wipe(): void {}
}

/** The plaintext. The caller wipes it. Undefined: the file is for other keys, or was changed. Throws DerError. */
export function openCmsFile(file: Buffer, privateKey: KeyObject): Buffer | undefined {
  const reader = new Reader(file)
  reader.expect(beginning)
  const recipients = new DerFields(reader.element(derTags.set))
  reader.expect(contentType)
  const algorithm = new DerFields(reader.element(derTags.sequence))
  if (algorithm.identifier() !== ids.aes256Gcm) throw new DerError('it is not sealed by AES-256-GCM')
  const nonce = algorithm.sequence().next(derTags.octetString)
  reader.expect(indefinite.tagged)
  const pieces: Buffer[] = []
  while (!reader.isAt(endOfContents)) pieces.push(reader.element(derTags.octetString))
  reader.expect(Buffer.concat([endOfContents, endOfContents]))
  const tag = reader.element(derTags.octetString)
  const key = contentKey(recipients, privateKey)
  if (!key) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
  key.fill(0)
  decipher.setAuthTag(tag)
  const plain = pieces.map((piece) => decipher.update(piece))
  try {
    decipher.final()
    return Buffer.concat(plain)
  } catch {
    return undefined
  } finally {
    for (const piece of plain) piece.fill(0)
  }
}

/** Reads the outer elements, whose indefinite length DER does not allow. */
class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  isAt(bytes: Buffer): boolean {
    return this.#bytes.subarray(this.#at, this.#at + bytes.length).equals(bytes)
  }

  expect(bytes: Buffer): void {
    if (!this.isAt(bytes)) throw new DerError('it is not a CMS file of Mortise')
    this.#at += bytes.length
  }

  element(tag: number): Buffer {
    const { content, endAt } = elementAt(this.#bytes, this.#at, tag)
    this.#at = endAt
    return content
  }
}

/** `sha256:` and 64 hex digits. Throws NoRecipient. */
export function fingerprintOf(pem: string): string {
  return `sha256:${createHash('sha256').update(parsed(pem).raw).digest('hex')}`
}

function certificateOf(pem: string): X509Certificate {
  const certificate = parsed(pem)
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey
  const isRsa = type === 'rsa' && (details?.modulusLength ?? 0) >= rsaBitsMin
  if (isRsa || details?.namedCurve === curve) return certificate
  throw new NoRecipient(
    `the certificate ${certificate.subject.replaceAll('\n', ', ')} is no recipient: its key is neither RSA of ${rsaBitsMin} bits or more nor on P-256`,
  )
}

function parsed(pem: string): X509Certificate {
  if (pem.split(pemBegin).length > 2)
    throw new NoRecipient(
      'a recipient is one certificate: with several the server could not tell whose it is, and a private key stays with its owner',
    )
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw new NoRecipient('what was given for a recipient is no certificate: give it in PEM', { cause })
  }
}

function recipientInfo(certificate: X509Certificate, key: Uint8Array): DerNode {
  const { publicKey } = certificate
  return publicKey.asymmetricKeyType === 'rsa'
    ? keyTransRecipientInfo(certificate, key)
    : keyAgreeRecipientInfo(certificate, publicKey, key)
}

/** RFC 5652 §6.2.1, with RSAES-OAEP by SHA-256 (RFC 4055 §4.1). */
function keyTransRecipientInfo(certificate: X509Certificate, key: Uint8Array): DerNode {
  const hash = sequence(identifier(ids.sha256))
  const mask = sequence(identifier(ids.mgf1), hash)
  const oaep = sequence(identifier(ids.oaep), sequence(tagged(0, hash), tagged(1, mask)))
  const encrypted = publicEncrypt({ key: certificate.publicKey, ...oaepBySha256 }, key)
  return sequence(number(0), issuerAndSerial(certificate), oaep, octetString(encrypted))
}

const oaepBySha256 = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const

/** RFC 5753 §3.1.1, with a new key pair for this file. */
function keyAgreeRecipientInfo(certificate: X509Certificate, publicKey: KeyObject, key: Uint8Array): DerNode {
  const own = generateKeyPairSync('ec', { namedCurve: curve })
  const point = own.publicKey.export({ format: 'der', type: 'spki' }).subarray(-pointBytes)
  const originator = tagged(1, sequence(identifier(ids.ecPublicKey)), bitString(point))
  const wrapping = wrappingKey(own.privateKey, publicKey)
  const cipher = createCipheriv('id-aes256-wrap', wrapping, wrapIv)
  wrapping.fill(0)
  const wrapped = Buffer.concat([cipher.update(key), cipher.final()])
  const scheme = sequence(identifier(ids.agreement), sequence(identifier(ids.aes256Wrap)))
  const recipient = sequence(issuerAndSerial(certificate), octetString(wrapped))
  return tagged(1, number(3), tagged(0, originator), scheme, sequence(recipient))
}

/** An uncompressed point of P-256. */
const pointBytes = 65

/** X9.63's key derivation by SHA-256 (SEC 1 §3.6.1). One block yields the whole key. */
function wrappingKey(privateKey: KeyObject, publicKey: KeyObject): Buffer {
  const bits = Buffer.alloc(4)
  bits.writeUInt32BE(8 * keyBytes)
  const shared = writeDer(sequence(sequence(identifier(ids.aes256Wrap)), tagged(2, octetString(bits))))
  const secret = diffieHellman({ privateKey, publicKey })
  const key = createHash('sha256')
    .update(secret)
    .update(Buffer.of(0, 0, 0, 1))
    .update(shared)
    .digest()
  secret.fill(0)
  return key
}

function issuerAndSerial(certificate: X509Certificate): DerNode {
  const fields = DerFields.of(certificate.raw).sequence()
  fields.optional(0xa0)
  const serial = fields.whole()
  fields.sequence()
  return sequence(fields.whole(), serial)
}

function number(value: number): DerNode {
  return unsigned(Buffer.of(value))
}

/** The content key, from the first recipient to whom the private key belongs. */
function contentKey(recipients: DerFields, privateKey: KeyObject): Buffer | undefined {
  const isRsa = privateKey.asymmetricKeyType === 'rsa'
  while (!recipients.isAtEnd) {
    const transport = recipients.optional(derTags.sequence)
    const agreement = transport ? undefined : recipients.next(0xa1)
    try {
      if (transport && isRsa) return ofTransport(new DerFields(transport), privateKey)
      if (agreement && !isRsa) return ofAgreement(new DerFields(agreement), privateKey)
    } catch (error) {
      // This entry is for another recipient, so the private key does not decrypt it.
      if (error instanceof DerError) throw error
    }
  }
  return undefined
}

function ofTransport(fields: DerFields, privateKey: KeyObject): Buffer {
  fields.small()
  fields.sequence()
  fields.sequence()
  return privateDecrypt({ key: privateKey, ...oaepBySha256 }, fields.next(derTags.octetString))
}

function ofAgreement(fields: DerFields, privateKey: KeyObject): Buffer {
  fields.small()
  const originator = new DerFields(new DerFields(fields.next(0xa0)).next(0xa1))
  originator.sequence()
  const point = originator.bits()
  fields.sequence()
  const recipient = fields.sequence().sequence()
  recipient.sequence()
  const spki = sequence(
    sequence(identifier(ids.ecPublicKey), identifier('1.2.840.10045.3.1.7')),
    bitString(point),
  )
  const publicKey = createPublicKey({ key: writeDer(spki), format: 'der', type: 'spki' })
  const wrapping = wrappingKey(privateKey, publicKey)
  const decipher = createDecipheriv('id-aes256-wrap', wrapping, wrapIv)
  wrapping.fill(0)
  return Buffer.concat([decipher.update(recipient.next(derTags.octetString)), decipher.final()])
}
