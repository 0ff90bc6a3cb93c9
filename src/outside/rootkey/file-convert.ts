// Converts a root key file for FIPS mode: from scrypt, which FIPS mode does not have, to PBKDF2.

import { chmod, chown, readFile, realpath, rename, stat } from 'node:fs/promises'
import { RootKeyError } from '../../core/ports/root-key.ts'
import { placeDurably } from './file-create.ts'
import { openSealed, parseRootKeyFile, writeRootKeyFile } from './file-format.ts'
import { readRootKey, usablePassphrase } from './file.ts'

export interface ConvertedFile {
  readonly file: string
  readonly id: string
  /** false where the file had PBKDF2 already, or no passphrase. */
  readonly converted: boolean
}

/**
 * Writes the file again with the same key and the same passphrase, but with PBKDF2. Opens the new text once, then replaces the old
 * file in one step. Throws RootKeyError, RootKeyFileError and errors of the file system. The file is then as it was, except where the
 * last step failed, which syncs the folder to the disk.
 */
export async function convertRootKeyFile(
  file: string,
  passphraseFile: string | null,
): Promise<ConvertedFile> {
  const rootKeyFile = await readRootKey(file)
  const { id } = rootKeyFile
  if (rootKeyFile.kind === 'plain') rootKeyFile.key.fill(0)
  if (rootKeyFile.kind === 'plain' || rootKeyFile.kdf.name === 'pbkdf2') return { file, id, converted: false }
  if (passphraseFile === null)
    throw new RootKeyError(
      'root-key',
      `${file} is protected by a passphrase: name the file that holds it with --passphrase-file`,
    )
  const passphraseBytes = await readFile(passphraseFile)
  try {
    const passphrase = usablePassphrase(passphraseBytes)
    const key = await openSealed(rootKeyFile, passphrase)
    if (!key) throw new RootKeyError('root-key', `the passphrase in ${passphraseFile} does not open ${file}`)
    const text = await writeRootKeyFile(key, passphrase, 'pbkdf2')
    key.fill(0)
    await requireOpens(text, passphrase)
    await replace(file, text)
  } finally {
    passphraseBytes.fill(0)
  }
  return { file, id, converted: true }
}

/** Replaces the file to which a symbolic link leads, not the link. The new file has the owner, group and mode of the old one. */
async function replace(link: string, text: Buffer): Promise<void> {
  const file = await realpath(link)
  const { uid, gid, mode } = await stat(file)
  await placeDurably(file, text, async (temporary) => {
    const made = await stat(temporary)
    if (made.uid !== uid || made.gid !== gid) await chown(temporary, uid, gid)
    await chmod(temporary, mode & 0o777)
    await rename(temporary, file)
  })
}

async function requireOpens(text: Buffer, passphrase: Uint8Array): Promise<void> {
  const written = parseRootKeyFile(text)
  const opened = written.kind === 'sealed' ? await openSealed(written, passphrase) : undefined
  if (!opened) throw new Error('a root key file that was just written does not open')
  opened.fill(0)
}
