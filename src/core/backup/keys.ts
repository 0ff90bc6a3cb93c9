// The key of a backup's file: makes it, has the server's root key wrap it, and derives the keys of the body and of the manifest.
// Also the keys that a backup carries for its recipients, so that they can open it after the loss of the root key.

import { createPrivateKey, createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto'
import type { RootKey } from '../ports/root-key.ts'
import { sealFor, shownRecipient, shownRecipients } from '../sealing/for-recipients.ts'
import { NoRecipient } from '../sealing/sealed-file.ts'
import { takeKey } from '../sealing/envelope.ts'
import { BackupError } from './error.ts'
import type { Manifest } from './manifest.ts'

const keyBytes = 32

export interface FileKeys {
  readonly chunks: KeyObject
  readonly manifest: KeyObject
}

export interface NewFileKey {
  readonly keys: FileKeys
  /** The file key itself, for recipients. The caller must wipe it. */
  readonly bytes: Buffer
  readonly wrapped: Manifest['key']
}

/** Throws RootKeyError. */
export async function makeFileKey(rootKey: RootKey, fileId: string, serverId: string): Promise<NewFileKey> {
  const bytes = randomBytes(keyBytes)
  const wrapped = Buffer.from(await rootKey.wrap(bytes, wrapPlace(fileId, serverId)))
  const key = { rootKey: rootKey.uri, rootKeyId: rootKey.id, wrapped: wrapped.toString('base64') }
  return { keys: splitKey(bytes, fileId), bytes, wrapped: key }
}

/** Throws RootKeyError, and BackupError if it is another root key than the one that the manifest names. */
export async function openFileKey(manifest: Manifest, rootKey: RootKey): Promise<FileKeys> {
  const { id, serverId, key } = manifest
  if (key.rootKeyId !== rootKey.id)
    throw new BackupError(
      `this backup is sealed by the root key ${key.rootKey} with the id ${key.rootKeyId}, but ${rootKey.uri} here has ` +
        `the id ${rootKey.id}`,
      'Bring the root key that belongs to it; or, where it was made with --recipient, give the identity: --identity FILE.',
    )
  const bytes = await rootKey.unwrap(Buffer.from(key.wrapped, 'base64'), wrapPlace(id, serverId))
  try {
    return splitKey(bytes, id)
  } finally {
    bytes.fill(0)
  }
}

/** The unwrapped keys that a backup with recipients carries for them, by name, 32 bytes each. The name of a data key is its id; that of the system data key is `system`. */
export type CarriedKeys = ReadonlyMap<string, Uint8Array>

/** Encrypts the file key and others to recipients. Throws BackupError for an invalid recipient. */
export async function sealForRecipients(
  recipients: readonly string[],
  fileKey: Uint8Array,
  others: CarriedKeys,
): Promise<NonNullable<Manifest['recipients']>> {
  const plaintext = Buffer.concat(
    [['file', fileKey] as const, ...others].map(([name, key]) => named(name, key)),
  )
  try {
    const sealed = await orBackupError(sealFor(recipients, plaintext))
    return { to: await Promise.all(recipients.map(shownRecipient)), sealed: sealed.toString('base64') }
  } finally {
    plaintext.fill(0)
  }
}

/** Returns the recipients as messages and pages show them. Throws BackupError for an invalid recipient. */
export function checkRecipients(recipients: readonly string[]): Promise<readonly string[]> {
  return orBackupError(shownRecipients(recipients))
}

async function orBackupError<T>(sealing: Promise<T>): Promise<T> {
  return sealing.catch((cause: unknown) => {
    throw cause instanceof NoRecipient ? new BackupError(cause.message, undefined, { cause }) : cause
  })
}

export interface OpenedForRecipient {
  readonly keys: FileKeys
  /** The caller must wipe them. */
  readonly carried: CarriedKeys
}

/** `identity`: AGE-SECRET-KEY-1…, in a text whose lines that begin with # are ignored; or a private key in PEM. Throws BackupError. */
export async function openAsRecipient(manifest: Manifest, identity: string): Promise<OpenedForRecipient> {
  if (manifest.recipients === null)
    throw new BackupError('this backup was made without --recipient: only its root key opens it')
  const { sealed, to } = manifest.recipients
  let plaintext: Buffer
  try {
    plaintext = await openedBy(identity, Buffer.from(sealed, 'base64'))
  } catch (cause) {
    const message = `the identity does not open this backup, which is for ${to.join(', ')}`
    throw new BackupError(message, undefined, { cause })
  }
  const carried = new Map(readNamed(plaintext))
  plaintext.fill(0)
  const file = carried.get('file')
  carried.delete('file')
  if (!file) throw new BackupError('the backup carries no key of its own for its recipients')
  const keys = splitKey(file, manifest.id)
  file.fill(0)
  return { keys, carried }
}

async function openedBy(identity: string, sealed: Buffer): Promise<Buffer> {
  if (identity.includes('PRIVATE KEY-----')) {
    const { openCmsFile } = await import('../sealing/cms-file.ts')
    const opened = openCmsFile(sealed, createPrivateKey(identity))
    if (!opened) throw new Error('it is sealed for other keys, or was changed')
    return opened
  }
  const { Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  const lines = identity.split('\n').map((line) => line.trim())
  for (const line of lines) if (line !== '' && !line.startsWith('#')) decrypter.addIdentity(line)
  return Buffer.from(await decrypter.decrypt(sealed))
}

/** Length of the name (2), the name, the key. */
function named(name: string, key: Uint8Array): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(Buffer.byteLength(name))
  return Buffer.concat([length, Buffer.from(name), key])
}

function* readNamed(bytes: Buffer): Generator<[string, Buffer]> {
  let at = 0
  while (at < bytes.length) {
    const begin = at + 2
    const end = begin + bytes.readUInt16BE(at)
    yield [bytes.toString('utf8', begin, end), Buffer.from(bytes.subarray(end, end + keyBytes))]
    at = end + keyBytes
  }
}

function splitKey(bytes: Uint8Array, fileId: string): FileKeys {
  const secret = createSecretKey(bytes)
  const derive = (use: string) =>
    takeKey(new Uint8Array(hkdfSync('sha256', secret, fileId, `mortise backup 1 ${use}`, keyBytes)))
  return { chunks: derive('chunks'), manifest: derive('manifest') }
}

function wrapPlace(fileId: string, serverId: string): Buffer {
  return Buffer.from(JSON.stringify(['mortise backup key 1', serverId, fileId]))
}
