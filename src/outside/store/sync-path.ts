// Brings a file, or the names in a folder, to the disk.

import { closeSync, constants, fsyncSync, openSync } from 'node:fs'

/** The content of a file, or what a folder lists, is on the disk when this returns. Throws the system's error. */
export function syncPath(fileOrFolder: string): void {
  const descriptor = openSync(fileOrFolder, constants.O_RDONLY)
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
