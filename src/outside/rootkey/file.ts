// A root key in a file: the default, to begin with and where there is no HSM or key service. The server reads the file again before
// each use of the root key, so that an owner who takes the file (or its disk) away closes the keys under it. Opening never changes the
// content of an existing file, but sets an open mode to 0600 if the user of this process owns the file.

import { isUtf8 } from 'node:buffer'
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { wrappedKeyBytesMax } from '../../base/bounds.ts'
import { RootKeyError, type RootKey } from '../../core/ports/root-key.ts'
import { createRootKeyFile } from './file-create.ts'
import { RootKeyFileReads } from './file-reads.ts'
import { isOpenMode, modeText, tightenMode } from './file-mode.ts'
import { openSealed, parseRootKeyFile, RootKeyFileError, type RootKeyFile } from './file-format.ts'
import { requirePlaintext } from './plaintext.ts'

/** The largest size of a root key file. */
const rootKeyFileBytesMax = 4 * 1024
/** Mortise makes a root key file under a shorter passphrase only with the setting MORTISE_ACCEPT_SHORT_PASSPHRASE. */
const passphraseCharactersMin = 12

export interface FileRootKeyOptions {
  /** `file:PATH`, relative to the data folder unless absolute. */
  readonly uri: string
  readonly dataFolder: string
  /** The content of the file that MORTISE_ROOT_PASSPHRASE_FILE names; line ends behind it do not count. The caller wipes it. */
  readonly passphrase?: Buffer
  /** Also make the file under a short passphrase (passphraseCharactersMin), and do not warn of one. */
  readonly acceptShortPassphrase?: boolean
  /** Make the file where there is none. Its folder must exist. */
  readonly create: boolean
  /** Refuse a file with an open mode: another user may have read it already. For a root key that nothing uses yet. */
  readonly refuseOpenMode?: boolean
  /** Shared by all readers of root key files; left out: this is the only reader. */
  readonly reads?: RootKeyFileReads
}

export interface FileRootKey extends RootKey {
  readonly path: string
  readonly created: boolean
  /** Warnings for the administrator, in sentences. */
  readonly warnings: readonly string[]
}

/** Throws RootKeyError, with a message that tells the administrator what to do. */
export async function openFileRootKey(options: FileRootKeyOptions): Promise<FileRootKey> {
  const file = path.resolve(options.dataFolder, rootKeyFilePath(options.uri))
  const passphrase = options.passphrase && usablePassphrase(options.passphrase)
  const { acceptShortPassphrase = false, reads = new RootKeyFileReads() } = options
  const tooShort = passphrase !== undefined && isShort(passphrase) && !acceptShortPassphrase
  const refusal =
    passphrase && !isTypeable(passphrase) ? untypeable() : tooShort ? shortPassphrase(file) : undefined
  const created = options.create && (await createRootKeyFile(file, passphrase, refusal))
  if (options.refuseOpenMode === true) await refuseOpenMode(file, reads)
  // Reads the file before it changes the mode: the path may be mistyped, and lead to a file that holds no root key.
  const rootKeyFile = await readRootKey(file, reads)
  const { mode: openMode } = await reads.run(file, async () => ({
    mode: await tightenMode(file),
    device: rootKeyFile.device,
  }))
  const warnings = warningsFor(file, tooShort, openMode)
  const key = await unlock(file, rootKeyFile, passphrase)
  return new OpenedFile({ uri: options.uri, id: rootKeyFile.id, path: file, created, warnings, key, reads })
}

/** A root key file as it is on the disk now. */
export interface InspectedRootKeyFile {
  readonly uri: string
  readonly path: string
  /** Tells the administrator why the file gives no root key. null: it gives one. */
  readonly problem: string | null
  readonly id: string | null
  /** The permission bits; null where there is a problem. */
  readonly mode: number | null
  readonly hasPassphrase: boolean
}

/** Reports a file that gives no root key as `problem`, and does not throw it. */
export async function inspectRootKeyFile(
  uri: string,
  dataFolder: string,
  reads?: RootKeyFileReads,
): Promise<InspectedRootKeyFile> {
  const place = { uri, path: uri }
  try {
    place.path = path.resolve(dataFolder, rootKeyFilePath(uri))
    const rootKeyFile = await readRootKey(place.path, reads)
    if (rootKeyFile.kind === 'plain') rootKeyFile.key.fill(0)
    const { id, mode, kind } = rootKeyFile
    return { ...place, problem: null, id, mode: mode & 0o7777, hasPassphrase: kind === 'sealed' }
  } catch (error) {
    if (!(error instanceof RootKeyError)) throw error
    return { ...place, problem: error.message, id: null, mode: null, hasPassphrase: false }
  }
}

async function refuseOpenMode(file: string, reads: RootKeyFileReads): Promise<void> {
  const { mode, ...rootKeyFile } = await readRootKey(file, reads)
  if (rootKeyFile.kind === 'plain') rootKeyFile.key.fill(0)
  if (!isOpenMode(mode)) return
  throw new RootKeyError(
    'root-key',
    `other users of this machine may read or change ${file} (mode ${modeText(mode)}), so it is no secret any more. Make a new ` +
      'root key, or, if no other user could read this one, run chmod 600 and try again',
  )
}

class OpenedFile implements FileRootKey {
  readonly uri: string
  readonly id: string
  readonly path: string
  readonly created: boolean
  readonly warnings: readonly string[]
  readonly #key: KeyObject
  readonly #reads: RootKeyFileReads

  constructor(
    opened: Omit<FileRootKey, 'wrap' | 'unwrap'> & {
      readonly key: KeyObject
      readonly reads: RootKeyFileReads
    },
  ) {
    this.uri = opened.uri
    this.id = opened.id
    this.path = opened.path
    this.created = opened.created
    this.warnings = opened.warnings
    this.#key = opened.key
    this.#reads = opened.reads
  }

  /** Returns version (1 byte), nonce (12), encrypted secret, tag (16). */
  async wrap(plaintext: Uint8Array, associatedData: Uint8Array): Promise<Uint8Array> {
    requirePlaintext(plaintext)
    await this.#lookAgain()
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
    cipher.setAAD(this.#bind(associatedData))
    return Buffer.concat([
      Buffer.of(version),
      nonce,
      cipher.update(plaintext),
      cipher.final(),
      cipher.getAuthTag(),
    ])
  }

  async unwrap(wrapped: Uint8Array, associatedData: Uint8Array): Promise<Uint8Array> {
    await this.#lookAgain()
    if (
      wrapped.length < 1 + nonceBytes + tagBytes ||
      wrapped.length > wrappedKeyBytesMax ||
      wrapped[0] !== version
    )
      throw new RootKeyError('wrapped-form', `${this.path} did not seal this: it has another form`, {
        altered: true,
      })
    const decipher = createDecipheriv('aes-256-gcm', this.#key, wrapped.subarray(1, 1 + nonceBytes))
    decipher.setAAD(this.#bind(associatedData))
    decipher.setAuthTag(wrapped.subarray(-tagBytes))
    const plaintext = decipher.update(wrapped.subarray(1 + nonceBytes, -tagBytes))
    try {
      decipher.final()
    } catch (error) {
      plaintext.fill(0)
      const message = `${this.path} did not seal this, or it was changed, or it is in another place than where it was put`
      throw new RootKeyError('wrapped-form', message, { cause: error, altered: true })
    }
    return plaintext
  }

  #bind(associatedData: Uint8Array): Buffer {
    return Buffer.concat([Buffer.from(`mortise root key wrap ${version}\n${this.id}\n`), associatedData])
  }

  /** Reads the file again. A missing or damaged file counts as unreachable; a valid file with another key is a refusal. */
  async #lookAgain(): Promise<void> {
    const rootKeyFile = await readRootKey(this.path, this.#reads)
    if (rootKeyFile.kind === 'plain') rootKeyFile.key.fill(0)
    if (rootKeyFile.id === this.id) return
    const message = `${this.path} holds another root key now (${rootKeyFile.id}) than before (${this.id})`
    throw new RootKeyError('root-key', message)
  }
}

const version = 1
const nonceBytes = 12
const tagBytes = 16

/** `file:root.key`, `file:/etc/mortise/root.key` or `file:///etc/mortise/root.key`; percent-encoded like any URI. */
export function rootKeyFilePath(uri: string): string {
  const [, authority, encoded] = /^file:(?:\/\/([^/]*)(?=\/))?([^?#]+)$/i.exec(uri) ?? []
  let decoded = ''
  try {
    decoded = decodeURIComponent(encoded ?? '')
  } catch {
    // Reported below.
  }
  if (
    decoded === '' ||
    decoded.includes('\0') ||
    (authority && authority !== 'localhost') ||
    decoded.startsWith('//')
  )
    throw new RootKeyError(
      'root-key',
      `${uri} does not name a file. Write file:root.key or file:///folder/root.key`,
    )
  return decoded
}

/** A view of the passphrase without the line ends behind it. Throws RootKeyError for an empty passphrase. */
export function usablePassphrase(bytes: Buffer): Buffer {
  let length = bytes.length
  while (bytes[length - 1] === 0x0a || bytes[length - 1] === 0x0d) length--
  if (length === 0)
    throw new RootKeyError(
      'root-key',
      `the file that ${passphraseVariable} names is empty; it holds the passphrase on one line`,
    )
  return bytes.subarray(0, length)
}

const passphraseVariable = 'MORTISE_ROOT_PASSPHRASE_FILE'

/** Counts UTF-8 characters without turning the secret into a string: all bytes but continuation bytes. */
function isShort(passphrase: Uint8Array): boolean {
  const characters = passphrase.filter((byte) => (byte & 0xc0) !== 0x80).length
  return characters < passphraseCharactersMin
}

/**
 * Whether a person who has the passphrase on paper can type it again: UTF-8 without control characters, and without the byte order
 * mark and the zero bytes that some editors on Windows write.
 */
function isTypeable(passphrase: Buffer): boolean {
  const hasMark = passphrase.subarray(0, byteOrderMark.length).equals(byteOrderMark)
  return isUtf8(passphrase) && !hasMark && passphrase.every((byte) => byte >= 0x20 && byte !== 0x7f)
}

const byteOrderMark = Buffer.of(0xef, 0xbb, 0xbf)

function untypeable(): RootKeyError {
  return new RootKeyError(
    'root-key',
    `the passphrase in the file that ${passphraseVariable} names has bytes that you cannot type again from paper, such as a byte order mark ` +
      'or a line end in its midst. Write it on one line, in UTF-8 without a byte order mark',
  )
}

function shortPassphrase(file: string): RootKeyError {
  return new RootKeyError(
    'root-key',
    `the passphrase in the file that ${passphraseVariable} names has fewer than ${passphraseCharactersMin} ` +
      `characters: a thief who copies ${file} could guess it. Choose a longer one, such as six words that were never said together. ` +
      'To make the root key with this one all the same, set MORTISE_ACCEPT_SHORT_PASSPHRASE=true',
  )
}

/** The key that the file holds, opened with the passphrase where it has one. Wipes the key of a plain file. */
async function unlock(
  file: string,
  rootKeyFile: RootKeyFile,
  passphrase: Buffer | undefined,
): Promise<KeyObject> {
  if (rootKeyFile.kind === 'plain' && passphrase) {
    rootKeyFile.key.fill(0)
    throw new RootKeyError(
      'root-key',
      `${passphraseVariable} is set, but the root key in ${file} is not protected by a passphrase. Unset it, or ` +
        'bring the file that belongs to it.',
    )
  }
  if (rootKeyFile.kind === 'sealed' && !passphrase)
    throw new RootKeyError(
      'root-key',
      `the root key in ${file} is protected by a passphrase: set ${passphraseVariable} to the path of a file that ` +
        'holds it',
    )
  const bytes =
    rootKeyFile.kind === 'plain'
      ? rootKeyFile.key
      : await openWithPassphrase(file, rootKeyFile, passphrase ?? Buffer.alloc(0))
  if (!bytes)
    throw new RootKeyError(
      'root-key',
      `the passphrase in the file that ${passphraseVariable} names does not open the root key in ${file}. ` +
        'Nothing was changed.',
    )
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

/** undefined: the passphrase is wrong. */
async function openWithPassphrase(
  file: string,
  rootKeyFile: RootKeyFile & { readonly kind: 'sealed' },
  passphrase: Buffer,
): Promise<Buffer | undefined> {
  return openSealed(rootKeyFile, passphrase).catch((error: unknown) => {
    if (!(error instanceof RootKeyFileError)) throw error
    throw new RootKeyError('root-key', `${file} gives no root key: ${error.message}`, { cause: error })
  })
}

/** Throws RootKeyError('unreachable'). The caller must wipe the key of a plain file. */
export async function readRootKey(
  file: string,
  reads = new RootKeyFileReads(),
): Promise<RootKeyFile & Omit<ReadFile, 'content'>> {
  const { content, ...about } = await reads.run(file, () => readFile(file))
  try {
    return { ...parseRootKeyFile(content), ...about }
  } catch (error) {
    if (!(error instanceof RootKeyFileError)) throw error
    throw new RootKeyError('unreachable', `${file} gives no root key: ${error.message}`, { cause: error })
  } finally {
    content.fill(0)
  }
}

interface ReadFile {
  readonly content: Buffer
  readonly mode: number
  readonly device: number
}

async function readFile(file: string): Promise<ReadFile> {
  try {
    // Non-blocking: opening a pipe that is in the file's place must not stop the server.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = await handle.stat()
    if (!stats.isFile()) throw new RootKeyError('unreachable', `${file} is not a file`)
    if (stats.size > rootKeyFileBytesMax)
      throw new RootKeyError('unreachable', `${file} is too large to be a root key file`)
    const content = Buffer.alloc(stats.size)
    const { bytesRead } = await handle.read(content, 0, content.length, 0)
    return { content: content.subarray(0, bytesRead), mode: stats.mode, device: stats.dev }
  } catch (error) {
    if (error instanceof RootKeyError) throw error
    throw new RootKeyError('unreachable', whyUnread(file, error), { cause: error })
  }
}

function whyUnread(file: string, error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return `there is no root key at ${file}. Bring the file, or its copy, back to this place.`
    case 'EACCES':
    case 'EPERM':
      return `the root key at ${file} may not be read by this user`
    default:
      return `the root key at ${file} cannot be read (${codeOf(error)})`
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'no code'
}

function warningsFor(file: string, tooShort: boolean, openMode: number | null): readonly string[] {
  const warnings: string[] = []
  if (tooShort)
    warnings.push(
      `The passphrase that protects ${file} has fewer than ${passphraseCharactersMin} characters: a thief who copies the ` +
        'file could guess it. Keep it and its copies where no other person can read them.',
    )
  if (openMode !== null)
    warnings.push(
      `Until now other users of this machine could read or change ${file} (mode ${modeText(openMode)}); Mortise has set it to 0600. ` +
        'If another user may have read it, move its instances to another root key: mortise instance set-root-key.',
    )
  return warnings
}
