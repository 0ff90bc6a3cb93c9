// Reads a backup's file: the manifest without a key, the records with it. It rejects data that was altered, cut off, reordered or
// taken from another file. It does not know what the records mean.

import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { dumpPageRecords } from '../../base/bounds.ts'
import type { DumpedRecord } from '../ports/backup.ts'
import { chunkBytes, openChunk, sealedChunkBytes } from './chunks.ts'
import { BackupError } from './error.ts'
import type { FileKeys } from './keys.ts'
import {
  isGenuine,
  magic,
  parseManifest,
  parseTrailer,
  trailerBytes,
  type Manifest,
  type ManifestPlace,
} from './manifest.ts'
import { RecordReader } from './records.ts'

interface Found {
  readonly manifest: Manifest
  readonly text: Buffer
  readonly place: ManifestPlace
}

/** Reads the file's manifest, which is not yet known to be genuine. Throws BackupError. */
export async function readManifest(file: string): Promise<Manifest> {
  await using handle = await openFile(file)
  return (await findManifest(file, handle)).manifest
}

/**
 * Returns the records in pages, once. Throws BackupError at once if the manifest is not genuine. Throws it before the first
 * invalid page if the body is damaged.
 */
export async function* readRecords(file: string, keys: FileKeys): AsyncGenerator<readonly DumpedRecord[]> {
  await using handle = await openFile(file)
  const { manifest, text, place } = await findManifest(file, handle)
  if (!isGenuine(text, place, keys.manifest))
    throw new BackupError('the manifest of the backup was altered, or belongs to another file')
  const reader = new RecordReader()
  const hash = createHash('sha256').update(magic)
  let records = 0
  let page: DumpedRecord[] = []
  for await (const bytes of openedChunks(handle, place.begin, keys, hash)) {
    for (const record of reader.take(bytes)) {
      records += 1
      if (page.push(record) < dumpPageRecords) continue
      yield page
      page = []
    }
  }
  reader.end()
  if (page.length > 0) yield page
  if (hash.digest('hex') !== manifest.body.sha256 || records !== manifest.body.records)
    throw new BackupError('the body of the backup is not the one that its manifest names')
}

async function* openedChunks(
  handle: FileHandle,
  end: number,
  keys: FileKeys,
  hash: { update(bytes: Buffer): unknown },
): AsyncGenerator<Buffer> {
  let at = magic.length
  for (let number = 0; ; number++) {
    const sealed = await readAt(handle, at, Math.min(sealedChunkBytes, end - at))
    at += sealed.length
    hash.update(sealed)
    const bytes = openChunk(keys.chunks, number, at === end, sealed)
    yield bytes
    bytes.fill(0)
    if (at === end) return
    if (bytes.length !== chunkBytes) throw new BackupError(`chunk ${number} of the backup is cut off`)
  }
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'r')
  } catch (cause) {
    throw cannotRead(file, cause)
  }
}

export function cannotRead(file: string, cause: unknown): BackupError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const known = {
    ENOENT: `there is no file ${file}`,
    EISDIR: `${file} is a folder`,
    EACCES: `${file}: this user may not read it`,
  }[String(code)]
  return new BackupError(known ?? `${file} cannot be read: ${String(cause)}`, undefined, { cause })
}

async function findManifest(file: string, handle: FileHandle): Promise<Found> {
  const stats = await handle.stat()
  if (!stats.isFile()) throw new BackupError(`${file} is not a file`)
  const head = await readAt(handle, 0, Math.min(magic.length, stats.size))
  if (!head.equals(magic)) throw new BackupError(otherFormat(file, head.toString('latin1')))
  if (stats.size < magic.length + trailerBytes) throw new BackupError(`${file} is cut off`)
  const trailer = await readAt(handle, stats.size - trailerBytes, trailerBytes)
  const place = parseTrailer(trailer, stats.size)
  const text = await readAt(handle, place.begin, place.bytes)
  return { manifest: parseManifest(text), text, place }
}

function otherFormat(file: string, head: string): string {
  const [, format] = /^mortise backup (\d+)\n?/.exec(head) ?? []
  if (format === undefined || format === '1') return `${file} is not a backup of Mortise`
  return `${file} has the format ${format} of a newer version, which this one does not know`
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, position + filled)
    if (bytesRead === 0) throw new BackupError('the backup is cut off: it grew shorter while it was read')
    filled += bytesRead
  }
  return bytes
}
