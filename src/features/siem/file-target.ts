// Appends audit entries to a file, one JSON object in each line, for Filebeat, Fluent Bit, Vector or the like. An entry counts as
// taken once it is on the disk. A program that rotates the file may rename it: the next entries go into a new one.

import { open, stat, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { PlacedEntry } from '../../core/ports/audit.ts'
import { jsonLine } from './syslog-message.ts'
import type { TargetSession, SiemTarget } from './target.ts'

/** The owner of the file writes, its group reads. */
const mode = 0o640
const lineEnd = 10

export function fileTarget(path: string): SiemTarget {
  return {
    kind: 'file',
    name: path,
    open: async () => new FileSession(path, await orWhy(path, opened(path))),
  }
}

class FileSession implements TargetSession {
  readonly #path: string
  #file: FileHandle
  #taken = 0

  constructor(path: string, file: FileHandle) {
    this.#path = path
    this.#file = file
  }

  async send(entries: readonly PlacedEntry[]): Promise<void> {
    const last = entries.at(-1)
    if (!last) return
    await orWhy(this.#path, this.#append(entries.map((entry) => `${jsonLine(entry)}\n`).join('')))
    this.#taken = last.place
  }

  async taken(): Promise<number> {
    return this.#taken
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  async #append(lines: string): Promise<void> {
    await this.#follow()
    await this.#file.appendFile(lines)
    await this.#file.datasync()
  }

  /** Opens the file again if another one, or none, has its name now. */
  async #follow(): Promise<void> {
    const [named, held] = [await stat(this.#path).catch(() => undefined), await this.#file.stat()]
    if (named?.ino === held.ino && named.dev === held.dev) return
    const next = await opened(this.#path)
    await this.#file.close()
    this.#file = next
  }
}

/** Rejects with an error in words for people, which says what to do. */
function orWhy<T>(path: string, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    const { code = '', message } = error as NodeJS.ErrnoException
    const why = reasons(path)[code]
    throw new Error(why === undefined ? message : `${why} (${message})`, { cause: error })
  })
}

function reasons(path: string): Readonly<Record<string, string>> {
  return {
    ENOENT: `the folder ${dirname(path)} does not exist: create it for the user that runs Mortise, or correct siem.file`,
    ENOTDIR: `${dirname(path)} is no folder: correct siem.file`,
    EISDIR: 'it is a folder: name a file in siem.file',
    EACCES: 'the user that runs Mortise may not write it',
    EROFS:
      'this server may not write there: under systemd it writes in /var/lib/mortise and /var/log/mortise unless the unit allows more (ReadWritePaths=), in a container in its volumes',
    ENOSPC: 'its disk is full',
  }
}

/** A line that a killed process left unfinished is removed: it will be written again. */
async function opened(path: string): Promise<FileHandle> {
  const file = await open(path, 'a+', mode)
  try {
    await file.truncate(await wholeLines(file))
    await syncName(path)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Brings the name of a file that may be new to the disk. A folder that this user may not read cannot be brought there. */
async function syncName(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r').catch(() => undefined)
  try {
    await folder?.sync()
  } finally {
    await folder?.close()
  }
}

/** The bytes up to the last line end. */
async function wholeLines(file: FileHandle): Promise<number> {
  const part = Buffer.alloc(64 * 1024)
  let end = (await file.stat()).size
  while (end > 0) {
    const start = Math.max(0, end - part.length)
    const { bytesRead } = await file.read(part, 0, end - start, start)
    const lastEnd = part.subarray(0, bytesRead).lastIndexOf(lineEnd)
    if (lastEnd !== -1) return start + lastEnd + 1
    end = start
  }
  return 0
}
