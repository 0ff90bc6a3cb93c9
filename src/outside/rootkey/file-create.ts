// Creates a root key file. Mortise writes a temporary file to the disk first, and then gives it the final name by a hard link. So a
// process that is killed leaves no half key, and if two processes create the file together, one wins and neither overwrites anything.
// Mortise refuses file systems without hard links; SQLite's log would not be safe on them either.

import { randomBytes } from 'node:crypto'
import { link, lstat, open, readdir, stat, unlink } from 'node:fs/promises'
import path from 'node:path'
import { RootKeyError } from '../../core/ports/root-key.ts'
import { writeRootKeyFile } from './file-format.ts'

/**
 * Writes a new random key to a file of mode 0600, which is on the disk when this returns. Returns false, and changes nothing, if the
 * path exists already. Throws RootKeyError('unreachable'); or `refusal`, if the caller passes one, instead of creating the file.
 */
export async function createRootKeyFile(
  file: string,
  passphrase: Uint8Array | undefined,
  refusal?: RootKeyError,
): Promise<boolean> {
  const folder = path.dirname(file)
  if (await isThere(file)) {
    // The process that created the file may have been killed before the file's name was on the disk. The sync may fail, since the
    // folder may be read-only.
    await syncFolder(folder).catch(() => undefined)
    return false
  }
  if (refusal) throw refusal
  const key = randomBytes(32)
  const content = await writeRootKeyFile(key, passphrase)
  key.fill(0)
  try {
    return await placeDurably(file, content, async (temporary) => {
      await removeLeftovers(temporary, path.basename(file))
      return linkUnlessThere(temporary, file)
    })
  } catch (error) {
    throw new RootKeyError('unreachable', whyNotMade(file, codeOf(error)), { cause: error })
  }
}

/**
 * Writes the content to a temporary file of mode 0600 in the folder of `file`. `put` then gives it the name `file`. Content and name are
 * on the disk when this returns, and the temporary file is gone. Wipes the content.
 */
export async function placeDurably<T>(
  file: string,
  content: Buffer,
  put: (temporary: string) => Promise<T>,
): Promise<T> {
  const folder = path.dirname(file)
  const temporary = path.join(folder, `.${path.basename(file)}.${randomBytes(8).toString('hex')}.new`)
  try {
    await writeDurably(temporary, content)
    const result = await put(temporary)
    await syncFolder(folder)
    return result
  } finally {
    content.fill(0)
    await unlink(temporary).catch(() => undefined)
  }
}

/** Also true where the file system gives another error than "not there": reading the file reports that error. */
async function isThere(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    (error: unknown) => codeOf(error) !== 'ENOENT',
  )
}

async function linkUnlessThere(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

async function writeDurably(file: string, content: Buffer): Promise<void> {
  await using handle = await open(file, 'wx', 0o600)
  await handle.writeFile(content)
  await handle.sync()
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r')
  await handle.sync()
}

/**
 * Removes the temporary files of processes that were killed while they created the root key file. Keeps those of processes that may
 * still run: removes only files an hour older than `own`, by the file system's clock. The keys in the removed files were never used.
 */
async function removeLeftovers(own: string, name: string): Promise<void> {
  const { mtimeMs } = await stat(own)
  const entries = await readdir(path.dirname(own))
  for (const entry of entries.filter((other) => other.startsWith(`.${name}.`) && other.endsWith('.new'))) {
    const leftover = path.join(path.dirname(own), entry)
    const ageMs = await stat(leftover).then(
      (stats) => mtimeMs - stats.mtimeMs,
      () => 0,
    )
    if (ageMs > leftoverAgeMs) await unlink(leftover).catch(() => undefined)
  }
}

const leftoverAgeMs = 3600_000

function whyNotMade(file: string, code: string): string {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'its folder does not exist',
    EACCES: 'this user may not write to its folder',
    EROFS: 'its folder is read-only',
    ENOSPC: 'the disk is full',
    EPERM: 'its file system has no hard links',
    ENOTSUP: 'its file system has no hard links',
  }
  return `the root key ${file} cannot be made: ${reasons[code] ?? code}`
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'no code'
}
