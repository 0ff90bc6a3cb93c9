// One record of a backup as bytes: its length (4), then JSON of its type and value, byte strings as base64. The names of
// the fields are those of the ports (core/ports/backup.ts). The bytes are authentic when they are read (chunks.ts).

import { dumpedTypes, type DumpedRecord, type DumpedTypes } from '../ports/backup.ts'
import { BackupError } from './error.ts'

/** Secrets whose names begin with it belong to this installation alone: no backup has them. */
export const localSecretPrefix = 'local/'

const lengthBytes = 4

const known: ReadonlySet<string> = new Set(dumpedTypes)

/** The fields of a record's value that are byte strings, by the record's type. */
const byteFields: { readonly [type: string]: readonly string[] } = {
  secret: ['sealed'],
  trust: ['mac'],
  dataKey: ['wrapped'],
  pending: ['certificate'],
  object: ['attributes', 'sealed'],
  mark: ['mac', 'digest'],
}

export function encodeRecord({ type, value }: DumpedRecord): Buffer {
  const shown =
    type === 'object'
      ? { ...value, record: recordWithText(value.record) }
      : typeof value === 'object'
        ? withText(type, value)
        : value
  const text = JSON.stringify({ type, value: shown })
  const bytes = Buffer.allocUnsafe(lengthBytes + Buffer.byteLength(text))
  bytes.writeUInt32BE(bytes.length - lengthBytes)
  bytes.write(text, lengthBytes)
  return bytes
}

function recordWithText({ recoverable, ...record }: DumpedTypes['object']['record']): object {
  const shown = withText('object', record)
  return recoverable ? { ...shown, recoverable: withText('object', recoverable) } : shown
}

function withText(type: string, value: object): object {
  const shown: Record<string, unknown> = { ...value }
  for (const field of byteFields[type] ?? []) {
    const bytes = shown[field]
    if (bytes instanceof Uint8Array)
      shown[field] = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  }
  return shown
}

/** Takes the bytes of a stream, and returns each record once it is whole. */
export class RecordReader {
  #rest: Buffer = Buffer.alloc(0)

  /** Must be called at the stream's end. */
  end(): void {
    if (this.#rest.length > 0) throw new BackupError('the backup ends in the middle of a record')
  }

  *take(bytes: Buffer): Generator<DumpedRecord> {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    let at = 0
    while (all.length - at >= lengthBytes) {
      const end = at + lengthBytes + all.readUInt32BE(at)
      if (end > all.length) break
      yield decodeRecord(all.toString('utf8', at + lengthBytes, end))
      at = end
    }
    this.#rest = Buffer.from(all.subarray(at))
  }
}

function decodeRecord(text: string): DumpedRecord {
  const { type, value } = JSON.parse(text) as { readonly type: string; readonly value: unknown }
  if (!known.has(type))
    throw new BackupError(
      `the backup has records that this version does not know (${type})`,
      'Use the version of Mortise that made it, or a newer one.',
    )
  if (type === 'object') {
    const object = value as { record: { recoverable?: object } }
    const { recoverable } = object.record
    object.record = {
      ...withBytes(type, object.record),
      ...(recoverable && { recoverable: withBytes(type, recoverable) }),
    }
  }
  const read =
    type !== 'object' && typeof value === 'object' && value !== null ? withBytes(type, value) : value
  return { type, value: read } as DumpedRecord
}

function withBytes(type: string, value: object): object {
  const read: Record<string, unknown> = { ...value }
  for (const field of byteFields[type] ?? []) {
    const text = read[field]
    if (typeof text === 'string') read[field] = Buffer.from(text, 'base64')
  }
  return read
}
