// The manifest: a backup describes itself in clear, so that a reader without a key can list it and find its root key. It is JSON
// after the body, and a trailer says where it begins. A MAC under the file's key covers both. It holds no secret.

import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto'
import type { WriterHead } from '../ports/audit.ts'
import { BackupError } from './error.ts'

/** The first bytes of a file. The number is that of the format. */
export const magic = Buffer.from('mortise backup 1\n')
const anyMagic = magic.subarray(0, magic.indexOf('1'))
const endMark = Buffer.from('end of backup 1\n')
const macBytes = 32
/** Where the manifest begins (8), its length (4), zeros (4), the MAC (32), the end mark (16). */
export const trailerBytes = 16 + macBytes + endMark.length
const manifestBytesMax = 64 * 1024 * 1024

export interface Manifest {
  readonly format: 1
  /** The program's version that made it. */
  readonly version: string
  /** Identifies this file. */
  readonly id: string
  readonly serverId: string
  /** ISO 8601, UTC. */
  readonly created: string
  readonly instances: readonly {
    readonly id: string
    readonly name: string
    readonly custody: string
    readonly rootKey: string
    /** The count includes destroyed ones. */
    readonly objects: number
  }[]
  /** The root keys that open it: the server's, and those of its instances. `id`: null where it is unknown. */
  readonly rootKeys: readonly { readonly uri: string; readonly id: string | null }[]
  readonly audit: {
    readonly entries: number
    readonly heads: readonly WriterHead[]
    /** The number of the last checkpoint; 0: none. */
    readonly checkpoint: number
  }
  readonly trustVersion: number
  /** The file's key, wrapped by the server's root key; base64. */
  readonly key: { readonly rootKey: string; readonly rootKeyId: string; readonly wrapped: string }
  /**
   * The keys that open it without the root key, encrypted to these recipients (an age file, or a CMS file for certificates);
   * base64. Null: it has no recipients.
   */
  readonly recipients: { readonly to: readonly string[]; readonly sealed: string } | null
  readonly body: {
    readonly bytes: number
    readonly records: number
    /** SHA-256 of everything before the manifest, hex: shows damage without a key. */
    readonly sha256: string
  }
}

/** Returns false if a file with these first bytes cannot be a backup of any format. */
export function maybeBackup(begin: Uint8Array): boolean {
  const length = Math.min(begin.length, anyMagic.length)
  return anyMagic.subarray(0, length).equals(begin.subarray(0, length))
}

/** The manifest and the trailer, which follow the body. */
export function encodeEnd(manifest: Manifest, bodyEnd: number, key: KeyObject): Buffer {
  const text = Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`)
  const place = placeOf(bodyEnd, text.length)
  return Buffer.concat([text, place, macOf(text, place, key), endMark])
}

export interface ManifestPlace {
  readonly begin: number
  readonly bytes: number
  readonly place: Buffer
  readonly mac: Buffer
}

/** Where the manifest is, according to the trailer of a file of `fileBytes`. Throws BackupError. */
export function parseTrailer(trailer: Buffer, fileBytes: number): ManifestPlace {
  if (trailer.length !== trailerBytes || !trailer.subarray(-endMark.length).equals(endMark))
    throw new BackupError('the backup has no end: it was cut off, or was not copied whole')
  const [begin, bytes] = [Number(trailer.readBigUInt64BE(0)), trailer.readUInt32BE(8)]
  if (begin < magic.length || begin + bytes + trailerBytes !== fileBytes || bytes > manifestBytesMax)
    throw new BackupError('the end of the backup does not fit the file: it was altered, or not copied whole')
  return { begin, bytes, place: trailer.subarray(0, 16), mac: trailer.subarray(16, 16 + macBytes) }
}

/** Throws BackupError. Only the key shows whether the manifest is genuine (`isGenuine`). */
export function parseManifest(text: Buffer): Manifest {
  let parsed: unknown
  try {
    parsed = JSON.parse(text.toString('utf8'))
  } catch (cause) {
    throw new BackupError('the manifest of the backup was altered: it is not JSON', undefined, { cause })
  }
  if (isManifest(parsed)) return parsed
  throw new BackupError('the manifest of the backup was altered: it lacks what each has')
}

export function isGenuine(text: Buffer, { place, mac }: ManifestPlace, key: KeyObject): boolean {
  return timingSafeEqual(macOf(text, place, key), mac)
}

function placeOf(begin: number, bytes: number): Buffer {
  const place = Buffer.alloc(16)
  place.writeBigUInt64BE(BigInt(begin))
  place.writeUInt32BE(bytes, 8)
  return place
}

function macOf(text: Buffer, place: Buffer, key: KeyObject): Buffer {
  return createHmac('sha256', key).update(place).update(text).digest()
}

function isManifest(value: unknown): value is Manifest {
  return (
    hasTypes(value, {
      format: 'number',
      version: 'string',
      id: 'string',
      serverId: 'string',
      created: 'string',
    }) &&
    hasTypes(value, {
      instances: 'object',
      rootKeys: 'object',
      audit: 'object',
      key: 'object',
      body: 'object',
    }) &&
    hasTypes(value['key'], { rootKey: 'string', rootKeyId: 'string', wrapped: 'string' }) &&
    hasTypes(value['body'], { bytes: 'number', records: 'number', sha256: 'string' }) &&
    hasTypes(value['audit'], { entries: 'number', heads: 'object', checkpoint: 'number' }) &&
    (value['recipients'] === null || hasTypes(value['recipients'], { to: 'object', sealed: 'string' })) &&
    [value['instances'], value['rootKeys']].every(Array.isArray)
  )
}

function hasTypes(
  value: unknown,
  types: Readonly<Record<string, string>>,
): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(types).every(([name, type]) => {
    const field: unknown = Reflect.get(value, name)
    return field !== null && typeof field === type
  })
}
