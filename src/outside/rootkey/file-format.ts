// The text of a root key file: lines `name: value`, which people can read. Mortise never turns the key into a string, since strings
// cannot be wiped: this file takes and returns bytes. file.ts and file-create.ts read and write the files.
//
//     mortise-root-key 1
//     note: ...
//     id: 32 hex digits, derived from the key
//     key: 64 hex digits
//
// or, with a passphrase, instead of the last line
//
//     kdf: scrypt n=131072 r=8 p=1 salt=32 hex digits, or: pbkdf2-hmac-sha512 iterations=1000000 salt=32 hex digits
//     sealed: 120 hex digits: nonce (12 bytes), encrypted key (32), tag (16) of AES-256-GCM

import { createCipheriv, createDecipheriv, createHash, pbkdf2, randomBytes, scrypt } from 'node:crypto'
import { fipsMode, notApproved } from '../../base/fips.ts'

/** The file gives no key. The message tells the administrator why. */
export class RootKeyFileError extends Error {
  override readonly name = 'RootKeyFileError'
}

export type RootKeyFile =
  | { readonly id: string; readonly kind: 'plain'; readonly key: Buffer }
  | { readonly id: string; readonly kind: 'sealed'; readonly kdf: Kdf; readonly sealed: Buffer }

/** How a key is derived from a passphrase. scrypt costs memory as well as time. FIPS mode has PBKDF2 (SP 800-132) only. */
export type KdfName = 'scrypt' | 'pbkdf2'

type Kdf = { readonly salt: Buffer } & (
  | { readonly name: 'scrypt'; readonly n: number; readonly r: number; readonly p: number }
  | { readonly name: 'pbkdf2'; readonly iterations: number }
)

/**
 * The id of the key: a hash of it, which reveals nothing, since the key is 256 random bits. A plain file whose key and id do not
 * belong together is damaged.
 */
function rootKeyId(key: Uint8Array): string {
  return createHash('sha256').update('mortise root key id 1\n').update(key).digest('hex').slice(0, 32)
}

/** The caller must wipe the key of a plain file. Throws RootKeyFileError. */
export function parseRootKeyFile(text: Buffer): RootKeyFile {
  const lines = fieldsOf(text)
  if (!lines) throw new RootKeyFileError('it is not a root key file of Mortise, or a later version wrote it')
  const id = lines.get('id')?.toString('latin1') ?? ''
  const key = decodeHex(lines.get('key'), 32)
  if (key && rootKeyId(key) === id) return { id, kind: 'plain', key }
  key?.fill(0)
  const sealed = decodeHex(lines.get('sealed'), nonceBytes + 32 + tagBytes)
  const kdf = parseKdf(lines.get('kdf')?.toString('latin1') ?? '')
  if (!/^[0-9a-f]{32}$/.test(id) || !sealed || !kdf) throw new RootKeyFileError(damaged)
  return { id, kind: 'sealed', kdf, sealed }
}

const damaged = 'it is damaged (cut off or changed); bring back a copy of it'

/** The text of a file for this key; the caller wipes the text. With a passphrase it takes about half a second on Node's thread pool. */
export async function writeRootKeyFile(
  key: Uint8Array,
  passphrase: Uint8Array | undefined,
  kdfName: KdfName = fipsMode ? 'pbkdf2' : 'scrypt',
): Promise<Buffer> {
  const id = rootKeyId(key)
  const head = `${firstLine}\nnote: ${note}\nid: ${id}\n`
  if (!passphrase) return Buffer.concat([Buffer.from(`${head}key: `), encodeHex(key), Buffer.from('\n')])
  const kdf: Kdf = { ...newKdfs[kdfName], salt: randomBytes(16) }
  const wrappingKey = await deriveKey(passphrase, kdf)
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', wrappingKey, nonce)
  wrappingKey.fill(0)
  cipher.setAAD(associatedData(id, kdf))
  const sealed = Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()])
  return Buffer.from(`${head}kdf: ${kdfText(kdf)}\nsealed: ${sealed.toString('hex')}\n`)
}

/** undefined: the passphrase is wrong (or the file was changed, which looks the same). Throws RootKeyFileError. */
export async function openSealed(
  file: RootKeyFile & { readonly kind: 'sealed' },
  passphrase: Uint8Array,
): Promise<Buffer | undefined> {
  const wrappingKey = await deriveKey(passphrase, file.kdf)
  const decipher = createDecipheriv('aes-256-gcm', wrappingKey, file.sealed.subarray(0, nonceBytes))
  wrappingKey.fill(0)
  decipher.setAAD(associatedData(file.id, file.kdf))
  decipher.setAuthTag(file.sealed.subarray(-tagBytes))
  const key = decipher.update(file.sealed.subarray(nonceBytes, -tagBytes))
  try {
    decipher.final()
  } catch {
    key.fill(0)
    return undefined
  }
  return key
}

const firstLine = 'mortise-root-key 1'
const note =
  'Whoever has this file can open every key that it seals; without it nobody can. Keep a copy in another place.'
const nonceBytes = 12
const tagBytes = 16

function associatedData(id: string, kdf: Kdf): Buffer {
  return Buffer.from(`${firstLine}\n${id}\n${kdfText(kdf)}`)
}

/** The costs of new files. A guess of the passphrase takes 0.3 to 0.5 s on a server of 2026, and with scrypt also 128 MiB of memory. */
const newKdfs = {
  scrypt: { name: 'scrypt', n: 2 ** 17, r: 8, p: 1 },
  pbkdf2: { name: 'pbkdf2', iterations: 1_000_000 },
} as const satisfies { readonly [N in KdfName]: object }

function kdfText(kdf: Kdf): string {
  const cost =
    kdf.name === 'scrypt'
      ? `scrypt n=${kdf.n} r=${kdf.r} p=${kdf.p}`
      : `pbkdf2-hmac-sha512 iterations=${kdf.iterations}`
  return `${cost} salt=${kdf.salt.toString('hex')}`
}

/** undefined: invalid, or too costly. The costs have bounds, so that a file from a stranger can take neither all memory nor all time. */
function parseKdf(text: string): Kdf | undefined {
  const [, cost = '', salt = ''] = /^(.*) salt=([0-9a-f]{32})$/.exec(text) ?? []
  const [, n, r, p] = /^scrypt n=(\d{5,6}) r=(\d) p=(\d)$/.exec(cost) ?? []
  if (n !== undefined) {
    const kdf: Kdf = {
      name: 'scrypt',
      n: Number(n),
      r: Number(r),
      p: Number(p),
      salt: Buffer.from(salt, 'hex'),
    }
    const sane = Number.isInteger(Math.log2(kdf.n)) && kdf.n >= 2 ** 15 && kdf.n <= 2 ** 18
    return sane && kdf.r === 8 && kdf.p >= 1 && kdf.p <= 4 ? kdf : undefined
  }
  const [, iterations] = /^pbkdf2-hmac-sha512 iterations=(\d{6,8})$/.exec(cost) ?? []
  const times = Number(iterations)
  return times >= 200_000 && times <= 10_000_000
    ? { name: 'pbkdf2', iterations: times, salt: Buffer.from(salt, 'hex') }
    : undefined
}

/** Runs on Node's thread pool. Throws RootKeyFileError for scrypt in FIPS mode. */
async function deriveKey(passphrase: Uint8Array, kdf: Kdf): Promise<Buffer> {
  if (kdf.name === 'scrypt' && fipsMode)
    throw new RootKeyFileError(
      `scrypt derives its key from the passphrase, and ${notApproved('scrypt')}. Convert the file outside FIPS mode: mortise fips convert`,
    )
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null, key: Buffer): void => (error ? reject(error) : resolve(key))
    if (kdf.name === 'pbkdf2') pbkdf2(passphrase, kdf.salt, kdf.iterations, 32, 'sha512', settle)
    else {
      const { n, r, p, salt } = kdf
      scrypt(passphrase, salt, 32, { N: n, r, p, maxmem: 128 * n * r + 1024 * 1024 }, settle)
    }
  })
}

/** The values by name, as views of the text. undefined: the text does not begin with `firstLine`. */
function fieldsOf(text: Buffer): ReadonlyMap<string, Buffer> | undefined {
  const fields = new Map<string, Buffer>()
  let first = true
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at)
    let line = text.subarray(at, newline < 0 ? text.length : newline)
    at += line.length + 1
    if (line.at(-1) === 0x0d) line = line.subarray(0, -1)
    if (first && !line.equals(Buffer.from(firstLine))) return undefined
    first = false
    const colon = line.indexOf(': ')
    if (colon > 0) fields.set(line.toString('latin1', 0, colon), line.subarray(colon + 2))
  }
  return first ? undefined : fields
}

const hexDigits = Buffer.from('0123456789abcdef')

/** Written by hand, since Buffer's own conversions go through a string. */
function encodeHex(bytes: Uint8Array): Buffer {
  const text = Buffer.alloc(bytes.length * 2)
  for (const [index, byte] of bytes.entries()) {
    text[index * 2] = hexDigits[byte >> 4] ?? 0
    text[index * 2 + 1] = hexDigits[byte & 15] ?? 0
  }
  return text
}

function decodeHex(text: Buffer | undefined, length: number): Buffer | undefined {
  if (text?.length !== length * 2) return undefined
  const bytes = Buffer.alloc(length)
  for (let index = 0; index < length; index++) {
    const high = hexDigits.indexOf(text[index * 2] ?? 0)
    const low = hexDigits.indexOf(text[index * 2 + 1] ?? 0)
    if (high < 0 || low < 0) return undefined
    bytes[index] = high * 16 + low
  }
  return bytes
}
