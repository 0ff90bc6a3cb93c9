// Brings the content of a file, or the list of names in a folder, to the disk.

import { closeSync, constants, fsyncSync, openSync } from 'node:fs'

/** Returns once the disk has the content or the list. Throws the system's error. */
export function syncPath(fileOrFolder: string): void {
  const descriptor = openSync(fileOrFolder, constants.O_RDONLY)
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
