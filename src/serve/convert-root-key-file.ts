// Converts a root key file before FIPS mode: its passphrase was derived by scrypt, which that mode does not have.

import { randomBytes } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import type { ConvertedRootKeyFile } from '../cli/world.ts'
import type { Config } from '../config.ts'
import { RootKeyError } from '../ports/root-key.ts'
import { openSealed, parseRootKeyFile, RootKeyFileError, writeRootKeyFile } from '../rootkey/file-format.ts'
import { rootKeyFilePath, usablePassphrase } from '../rootkey/file.ts'

/**
 * The same key and the same passphrase, with PBKDF2. The new text is opened once before it takes the place of the old one, which
 * happens at one moment. Throws RootKeyError and errors of the file system, and has changed nothing then.
 */
export async function convertRootKeyFile(
  { data, rootKey, rootPassphraseFile }: Config['server'],
  {
    file: named,
    passphraseFile = rootPassphraseFile ?? undefined,
  }: { readonly file?: string; readonly passphraseFile?: string },
): Promise<ConvertedRootKeyFile> {
  const file = named === undefined ? path.resolve(data, rootKeyFilePath(rootKey)) : path.resolve(named)
  const found = parse(file, await readFile(file))
  const { id } = found
  if (found.kind === 'plain') {
    found.key.fill(0)
    return { file, id, converted: false }
  }
  if (found.kdf.name === 'pbkdf2') return { file, id, converted: false }
  if (passphraseFile === undefined)
    throw new RootKeyError(
      'root-key',
      `${file} is protected by a passphrase: name the file that holds it with --passphrase-file`,
    )
  const given = await readFile(passphraseFile)
  const passphrase = usablePassphrase(given) ?? given
  try {
    const key = await openSealed(found, passphrase)
    if (!key) throw new RootKeyError('root-key', `the passphrase in ${passphraseFile} does not open ${file}`)
    try {
      await replace(file, await writeRootKeyFile(key, passphrase, 'pbkdf2'), passphrase)
    } finally {
      key.fill(0)
    }
  } finally {
    given.fill(0)
  }
  return { file, id, converted: true }
}

function parse(file: string, text: Buffer) {
  try {
    return parseRootKeyFile(text)
  } catch (error) {
    if (!(error instanceof RootKeyFileError)) throw error
    throw new RootKeyError('root-key', `${file} gives no root key: ${error.message}`, { cause: error })
  } finally {
    text.fill(0)
  }
}

/** Throws if the new text does not open. */
async function replace(file: string, text: Buffer, passphrase: Uint8Array): Promise<void> {
  const folder = path.dirname(file)
  const next = path.join(folder, `.${path.basename(file)}.${randomBytes(8).toString('hex')}.new`)
  try {
    const written = parse(next, Buffer.from(text))
    const opened = written.kind === 'sealed' ? await openSealed(written, passphrase) : undefined
    if (!opened) throw new Error('a root key file that was just written does not open')
    opened.fill(0)
    {
      await using handle = await open(next, 'wx', 0o600)
      await handle.writeFile(text)
      await handle.sync()
    }
    await rename(next, file)
    await using handle = await open(folder, 'r')
    await handle.sync()
  } finally {
    await rm(next, { force: true })
  }
}
