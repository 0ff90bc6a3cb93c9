// The permission bits of a root key file. If the user of this process owns the file, Mortise makes it readable by that user alone.
// Mortise does not change the mode of another user's file.

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** Whether another user than the owner may read or change the file. */
export function isOpenMode(mode: number): boolean {
  return (mode & 0o077) !== 0
}

/** The mode as people write it: 0640. */
export function modeText(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0')
}

/**
 * Sets an open mode (isOpenMode) to 0600 if the user of this process owns the file, and returns the former mode. null: the mode is
 * unchanged, since it is not open, or another user owns the file, or the disk does not allow the change.
 */
export async function tightenMode(file: string, ownUid = process.geteuid?.()): Promise<number | null> {
  try {
    // Non-blocking: opening a pipe that is in the file's place must not stop the server.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const { mode, uid } = await handle.stat()
    if (!isOpenMode(mode) || uid !== ownUid) return null
    await handle.chmod(0o600)
    return mode
  } catch {
    // Reading the file reports what is wrong with it, and a condition reports an open mode.
    return null
  }
}
