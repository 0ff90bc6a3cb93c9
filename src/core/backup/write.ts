// Writes a backup's file: magic, the sealed body, the manifest, the trailer. The file appears under its name only when it is
// whole and on the disk. Runs on a thread of its own: it reads and writes synchronously.

import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import type { DumpedRecord, StoreDump } from '../ports/backup.ts'
import type { WriterHead } from '../ports/audit.ts'
import { ChunkSealer } from './chunks.ts'
import { BackupError } from './error.ts'
import type { FileKeys } from './keys.ts'
import { encodeEnd, magic, type Manifest } from './manifest.ts'
import { encodeRecord, localSecretPrefix } from './records.ts'

/** After each portion of this size, the writer checks again whether its disk has room. */
const backupLookBytes = 4 * 1024 * 1024

export interface BackupWriting {
  readonly file: string
  /** Replaces a file of that name. */
  readonly force: boolean
  /** See partialOf. */
  readonly writer: string
  readonly keys: FileKeys
  readonly about: Pick<Manifest, 'version' | 'id' | 'serverId' | 'created' | 'key'>
  /** The part for recipients; known once the dump is open. */
  readonly recipients: Promise<Manifest['recipients']>
  /** The name of the secret that says which root key seals the server's own secrets. */
  readonly systemKeyName: string
  /** The writer gives the file up before its disk has less free space than this. */
  readonly freeBytesMin: number
  readonly onProgress: (done: number, total: number) => void
}

/** The name of the file until the backup is whole. It names the writer, since several may write into one folder. */
export function partialOf(file: string, writer: string): string {
  return `${file}.${writer}.partial`
}

/** Durable on return. Throws BackupError, StoreUnavailable or the system's error, and leaves no file in that case. */
export async function writeBackup(dump: StoreDump, writing: BackupWriting): Promise<Manifest> {
  const { file, force } = writing
  if (!force) refuseExisting(file)
  refuseOther(file)
  const partial = partialOf(file, writing.writer)
  // A killed run may have left a file there, or an attacker a link: this removes the link and not its target.
  rmSync(partial, { force: true })
  const output = new Output(partial, writing.freeBytesMin)
  try {
    const manifest = await writeAll(dump, writing, output)
    output.finish()
    if (!force) refuseExisting(file)
    renameSync(partial, file)
    syncFolder(path.dirname(file))
    return manifest
  } catch (error) {
    output.abandon()
    throw isFull(error)
      ? new BackupError(`the disk of ${path.dirname(file)} is full`, undefined, { cause: error })
      : error
  }
}

async function writeAll(dump: StoreDump, writing: BackupWriting, output: Output): Promise<Manifest> {
  const { keys, about, recipients, systemKeyName, onProgress } = writing
  const total =
    dump.counts.entries + Object.values(dump.counts.objects).reduce((sum, count) => sum + count, 0)
  const summary = new Summary(systemKeyName)
  output.write(magic)
  const sealer = new ChunkSealer(keys.chunks, (sealed) => output.write(sealed))
  let done = 0
  for await (const page of dump.pages()) {
    for (const record of page) {
      if (record.type === 'secret' && record.value.name.startsWith(localSecretPrefix)) continue
      sealer.write(encodeRecord(record))
      summary.note(record)
      if (record.type === 'entry' || record.type === 'object') done += 1
    }
    onProgress(done, total)
  }
  sealer.end()
  const body = { bytes: output.bytes - magic.length, records: summary.records, sha256: output.sha256() }
  const manifest: Manifest = {
    format: 1,
    ...about,
    ...summary.manifestParts(about.key),
    recipients: await recipients,
    body,
  }
  output.write(encodeEnd(manifest, output.bytes, keys.manifest))
  return manifest
}

/** Gathers the manifest's facts about the records as they pass. */
class Summary {
  readonly #systemKeyName: string
  readonly #instances = new Map<string, { name: string; custody: string; rootKey: string }>()
  readonly #objects = new Map<string, number>()
  readonly #rootKeys = new Map<string, string | null>()
  readonly #heads: WriterHead[] = []
  #entries = 0
  #checkpoint = 0
  #trustVersion = 0
  records = 0

  constructor(systemKeyName: string) {
    this.#systemKeyName = systemKeyName
  }

  note({ type, value }: DumpedRecord): void {
    this.records += 1
    if (type === 'trustVersion') this.#trustVersion = value
    else if (type === 'secret' && value.name === this.#systemKeyName) {
      const { rootKeyUri, rootKeyId } = JSON.parse(Buffer.from(value.sealed).toString()) as Record<
        string,
        string
      >
      this.#rootKeys.set(rootKeyUri ?? '', rootKeyId ?? null)
    } else if (type === 'trust' && value.kind === 'instance') {
      const { name = '', custody = '', rootKeyUri = '' } = JSON.parse(value.body) as Record<string, string>
      this.#instances.set(value.id, { name, custody, rootKey: rootKeyUri })
      if (!this.#rootKeys.has(rootKeyUri)) this.#rootKeys.set(rootKeyUri, null)
    } else if (type === 'dataKey') this.#rootKeys.set(value.rootKeyUri, value.rootKeyId)
    else if (type === 'checkpoint') this.#checkpoint = value.number
    else if (type === 'writer') {
      const { writer, number, hash } = value
      this.#heads.push({ writer, number, hash })
    } else if (type === 'entry') this.#entries += 1
    else if (type === 'object') {
      const { instanceId } = value.record
      this.#objects.set(instanceId, (this.#objects.get(instanceId) ?? 0) + 1)
    }
  }

  manifestParts(key: Manifest['key']): Pick<Manifest, 'instances' | 'rootKeys' | 'audit' | 'trustVersion'> {
    this.#rootKeys.set(key.rootKey, key.rootKeyId)
    return {
      instances: [...this.#instances].map(([id, row]) => ({
        id,
        ...row,
        objects: this.#objects.get(id) ?? 0,
      })),
      rootKeys: [...this.#rootKeys].map(([uri, id]) => ({ uri, id })),
      audit: { entries: this.#entries, heads: this.#heads, checkpoint: this.#checkpoint },
      trustVersion: this.#trustVersion,
    }
  }
}

/** The unfinished file, with its digest up to now. */
class Output {
  readonly #file: string
  readonly #freeBytesMin: number
  readonly #descriptor: number
  readonly #hash = createHash('sha256')
  #nextLook = 0
  #open = true
  bytes = 0

  constructor(file: string, freeBytesMin: number) {
    this.#file = file
    this.#freeBytesMin = freeBytesMin
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
    this.#descriptor = openSync(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  }

  write(bytes: Buffer): void {
    if (this.bytes >= this.#nextLook) this.#look()
    for (let at = 0; at < bytes.length;) at += writeSync(this.#descriptor, bytes, at)
    this.#hash.update(bytes)
    this.bytes += bytes.length
  }

  sha256(): string {
    return this.#hash.copy().digest('hex')
  }

  finish(): void {
    fsyncSync(this.#descriptor)
    this.#close()
  }

  abandon(): void {
    this.#close()
    rmSync(this.#file, { force: true })
  }

  /** The store on the same disk must still be able to write. */
  #look(): void {
    const { bavail, bsize } = statfsSync(path.dirname(this.#file))
    if (bavail * bsize < this.#freeBytesMin)
      throw new BackupError(`the disk of ${path.dirname(this.#file)} is nearly full: the backup was given up`)
    this.#nextLook = this.bytes + backupLookBytes
  }

  #close(): void {
    if (this.#open) closeSync(this.#descriptor)
    this.#open = false
  }
}

function refuseExisting(file: string): void {
  if (!existsSync(file)) return
  throw new BackupError(
    `${file} is there already; it is not overwritten`,
    'Name another file, or say --force.',
  )
}

/** `--force` replaces a file, not a folder, a link or a device. */
function refuseOther(file: string): void {
  const stats = lstatSync(file, { throwIfNoEntry: false })
  if (stats && !stats.isFile()) throw new BackupError(`${file} is no file but a folder, a link or a device`)
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, constants.O_RDONLY)
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
