// Making a root key file, once. A whole file appears at one moment, by a hard link to one that is already on the
// disk: so a process that is killed leaves no half key, and of two that start together one wins and neither
// overwrites anything. File systems without hard links are refused; SQLite's log would not be safe on them either.

import { randomBytes } from 'node:crypto'
import { link, lstat, open, readdir, stat, unlink } from 'node:fs/promises'
import path from 'node:path'
import { RootKeyError } from '../../core/ports/root-key.ts'
import { writeRootKeyFile } from './file-format.ts'

/**
 * A new random key, mode 0600, on the disk when this returns. False if anything is there already, which is left as
 * it is. Throws RootKeyError('unreachable'), or the refusal: why none is to be made.
 */
export async function createRootKeyFile(
  file: string,
  passphrase: Uint8Array | undefined,
  refusal?: RootKeyError,
): Promise<boolean> {
  const folder = path.dirname(file)
  if (await isThere(file)) {
    // The process that made it may have been killed before its name was on the disk. Best effort: the folder may be read-only.
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
 * Writes the content beside the file, mode 0600, and has `put` give it the file's name. All is on the disk when this returns, and
 * nothing is left beside the file. Wipes the content.
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

/** Ignores errors other than "not there": reading the file reports them. */
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
 * Removes what killed runs left while they made the file, but nothing of a run in progress: only files an hour older than
 * our own, by the file system's clock. The keys in them were never used.
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
