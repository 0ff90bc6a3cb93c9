// Reads root key files, one at a time on each disk: a disk that hangs then holds one of the few threads on which the process reads
// files and looks up names, however many root keys are on it and however many callers ask for them.

import { readFileSync } from 'node:fs'
import { KeyedMutex } from '../../base/keyed-mutex.ts'

export class RootKeyFileReads {
  readonly #turns = new KeyedMutex()
  /** By path: the device that the file was on when it was last read, to which a link may lead. */
  readonly #devices = new Map<string, number>()

  /** `read` is made once no other one is under way on the same disk. Throws what it throws. */
  async run<T extends { readonly device: number }>(file: string, read: () => Promise<T>): Promise<T> {
    const result = await this.#turns.run(this.#diskOf(file), read)
    this.#devices.set(file, result.device)
    return result
  }

  #diskOf(file: string): string {
    const device = this.#devices.get(file)
    return device === undefined ? mountPointOf(file) : `device ${device}`
  }
}

/** As the kernel says, without asking the disk. */
function mountPointOf(file: string): string {
  const points = mountPoints().filter((point) => point === '/' || `${file}/`.startsWith(`${point}/`))
  return points.toSorted((a, b) => b.length - a.length)[0] ?? '/'
}

/** Where /proc is not there, all is one disk. */
function mountPoints(): readonly string[] {
  let text = ''
  try {
    text = readFileSync('/proc/self/mountinfo', 'latin1')
  } catch {
    // Without /proc, all is one disk.
  }
  return text.split('\n').map((line) => {
    // proc(5): spaces and their like are written in octal. The bytes of other characters stay as they are.
    const bytes = (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    )
    return Buffer.from(bytes, 'latin1').toString()
  })
}
