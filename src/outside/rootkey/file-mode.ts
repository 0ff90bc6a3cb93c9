// The permission bits of a root key file. A file that this process owns is made its own alone to read; the mode of any
// other file is its owner's to change.

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** Whether another user than the owner may read or change the file. */
export function isOpenMode(mode: number): boolean {
  return (mode & 0o077) !== 0
}

/** As people write it: 0640. */
export function modeText(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0')
}

/**
 * Sets an open mode to 0600 if this process owns the file, and returns the former one. Null: it stays as it is, also on a disk that
 * does not allow another.
 */
export async function tightenMode(file: string, ownUid = process.geteuid?.()): Promise<number | null> {
  try {
    // Non-blocking: a pipe in its place must not stop the server.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const { mode, uid } = await handle.stat()
    if (!isOpenMode(mode) || uid !== ownUid) return null
    await handle.chmod(0o600)
    return mode
  } catch {
    // Reading the file reports what is wrong with it, and a condition its mode.
    return null
  }
}
