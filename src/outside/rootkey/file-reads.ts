// Reads root key files, one at a time on each disk. So a disk that hangs holds only one or two (#diskOf) of the few threads on which
// Node reads files and resolves host names, however many root keys are on the disk and however many callers ask for them.

import { readFileSync } from 'node:fs'
import { KeyedMutex } from '../../base/keyed-mutex.ts'

export class RootKeyFileReads {
  readonly #turns = new KeyedMutex()
  /** By path: the device of the file when it was last read. Where the path is a symbolic link, this is the device of its target. */
  readonly #devices = new Map<string, number>()

  /** Runs `read` once no other `read` is under way on the same disk. Throws what `read` throws. */
  async run<T extends { readonly device: number }>(file: string, read: () => Promise<T>): Promise<T> {
    const result = await this.#turns.run(this.#diskOf(file), read)
    this.#devices.set(file, result.device)
    return result
  }

  /** A file that was never read counts by its mount point, and a file that was read by its device: these two do not wait for each other. */
  #diskOf(file: string): string {
    const device = this.#devices.get(file)
    return device === undefined ? mountPointOf(file) : `device ${device}`
  }
}

/** The mount point of the path by the kernel's table of mounts, found without an access to the disk. */
function mountPointOf(file: string): string {
  const points = mountPoints().filter((point) => point === '/' || `${file}/`.startsWith(`${point}/`))
  return points.toSorted((a, b) => b.length - a.length)[0] ?? '/'
}

/** Without /proc there is one mount point, so that all files count as on one disk. */
function mountPoints(): readonly string[] {
  let text = ''
  try {
    text = readFileSync('/proc/self/mountinfo', 'latin1')
  } catch {
    // There is no /proc.
  }
  return text.split('\n').map((line) => {
    // proc(5): the kernel writes spaces, tabs, line ends and backslashes in octal, and the bytes of other characters as they are.
    const bytes = (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    )
    return Buffer.from(bytes, 'latin1').toString()
  })
}
