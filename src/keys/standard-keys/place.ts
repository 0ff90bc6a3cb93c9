// How an object lies in a standard key of its root key's service: its name and description there, the payload, and the
// place that the database keeps instead of sealed material. Pure.
//
//   place     version 02 | JSON: which standard key of which root key
//   payload   header: JSON on one line, nothing secret | \n | the wrapped key, deflated if the header says so
//
// The first byte of sealed material tells a place (02) from what a data key sealed (01, envelope.ts).

import { createHash } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { limits } from '../../limits.ts'
import type { MaterialHead, Place } from '../../sealing/envelope.ts'

export interface StandardKeyPlace {
  readonly rootKeyUri: string
  readonly rootKeyId: string
  /** The service's id. */
  readonly standardKeyId: string
  readonly generation: number
}

/** What stands in the open beside the wrapped key, so that it can be brought back without a database. */
export interface StandardKeyHeader {
  readonly format: 1
  readonly kind: 'key'
  readonly instance: string
  readonly identifier: string
  readonly generation: number
  readonly objectType: string
  readonly algorithm: string | null
  /** Bits. */
  readonly length: number | null
  /** Cryptographic Usage Mask. */
  readonly mask: number | null
  readonly head: MaterialHead
  /** Of the root key; '' where not known. */
  readonly keyVersion: string
}

/** A payload that this program did not write, or that was cut off. */
export class StandardKeyFormatError extends Error {
  override readonly name = 'StandardKeyFormatError'
  /** What Integrity raises an alarm for. */
  readonly altered = true
}

const placeVersion = 2

export function isPlace(sealed: Uint8Array): boolean {
  return sealed[0] === placeVersion
}

export function packPlace({ rootKeyUri, rootKeyId, standardKeyId, generation }: StandardKeyPlace): Buffer {
  const text = JSON.stringify({ rootKeyUri, rootKeyId, standardKeyId, generation })
  return Buffer.concat([Buffer.of(placeVersion), Buffer.from(text)])
}

/** Throws StandardKeyFormatError. */
export function unpackPlace(sealed: Uint8Array): StandardKeyPlace {
  if (!isPlace(sealed)) throw new StandardKeyFormatError('this is no place of a standard key')
  const place = parse(Buffer.from(sealed.subarray(1)).toString('utf8')) as Partial<StandardKeyPlace>
  const { rootKeyUri, rootKeyId, standardKeyId, generation } = place
  if (
    typeof rootKeyUri !== 'string' ||
    typeof rootKeyId !== 'string' ||
    typeof standardKeyId !== 'string' ||
    typeof generation !== 'number'
  )
    throw new StandardKeyFormatError('the place of a standard key was altered')
  return { rootKeyUri, rootKeyId, standardKeyId, generation }
}

/** The name that it has at the service: what the customer looks for to revoke one disk. */
export function standardKeyName(identifier: string): string {
  if (/^[A-Za-z0-9_.-]{1,82}$/.test(identifier)) return `mortise-${identifier}`
  return `mortise-${createHash('sha256').update(identifier).digest('hex').slice(0, 40)}`
}

const descriptionForm =
  /^mortise 1 (?<kind>key|journal), instance (?<instanceId>\S{1,60}), root key (?<rootKeyId>\S{1,60}), generation (?<generation>[1-9]\d{0,8}), attempt (?<attempt>[0-9a-f]{12})$/

/** What can be told of a standard key without reading it, also after it was deleted. */
export interface StandardKeyDescription {
  readonly kind: 'key' | 'journal'
  readonly instanceId: string
  /** Of the one that wrapped what is in it. */
  readonly rootKeyId: string
  readonly generation: number
  /** Of all that were ever begun, this one: 12 hex digits. */
  readonly attempt: string
}

/** As a description names the record of one. */
export function attemptOf({ id }: { readonly id: string }): string {
  return id.replaceAll('-', '').slice(0, 12)
}

export function describeStandardKey(about: StandardKeyDescription): string {
  const { kind, instanceId, rootKeyId, generation, attempt } = about
  return `mortise 1 ${kind}, instance ${instanceId}, root key ${rootKeyId}, generation ${generation}, attempt ${attempt}`
}

/** What a description of ours says; undefined for any other. */
export function readDescription(description: string): StandardKeyDescription | undefined {
  const { kind, instanceId, rootKeyId, generation, attempt } = descriptionForm.exec(description)?.groups ?? {}
  if (instanceId === undefined || rootKeyId === undefined || attempt === undefined) return undefined
  return {
    kind: kind === 'key' ? 'key' : 'journal',
    instanceId,
    rootKeyId,
    generation: Number(generation),
    attempt,
  }
}

/** The wrapped key belongs to this object and no other. The generation is not named: rewrapping keeps this. */
export function standardKeyAad(place: Omit<Place, 'purpose'>, head: MaterialHead): Buffer {
  const { instanceId, identifier, objectType } = place
  const sorted = Object.entries(head).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Buffer.from(JSON.stringify(['mortise key 1', instanceId, identifier, objectType, sorted]))
}

/** `bytesMax`: what the service takes. */
export function packStandardKey(
  header: StandardKeyHeader,
  wrapped: Uint8Array,
  bytesMax: number,
): Uint8Array {
  const plain = Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), wrapped])
  if (plain.length <= bytesMax) return plain
  const first = Buffer.from(`${JSON.stringify({ ...header, deflated: true })}\n`)
  // Wrapped keys are base64 within base64: a quarter of each is air.
  const deflated = Buffer.concat([first, deflateRawSync(wrapped, { level: 9 })])
  if (deflated.length <= bytesMax) return deflated
  throw new StandardKeyFormatError(`a standard key would need ${deflated.length} bytes, not ${bytesMax}`)
}

/** Throws StandardKeyFormatError for what is not one of ours. */
export function unpackStandardKey(payload: Uint8Array): {
  readonly header: StandardKeyHeader
  readonly wrapped: Uint8Array
} {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
  const end = bytes.indexOf(0x0a)
  const header = parse(end < 0 ? '' : bytes.toString('utf8', 0, end))
  if (!isHeader(header)) throw new StandardKeyFormatError('this standard key was not made by Mortise')
  const { deflated, ...kept } = header
  const rest = bytes.subarray(end + 1)
  if (deflated !== true) return { header: kept, wrapped: rest }
  try {
    return {
      header: kept,
      wrapped: inflateRawSync(rest, { maxOutputLength: limits.wrappedKeyBytesMax }),
    }
  } catch (cause) {
    throw new StandardKeyFormatError('this standard key was altered or cut off', { cause })
  }
}

function isHeader(value: unknown): value is StandardKeyHeader & { readonly deflated?: boolean } {
  if (typeof value !== 'object' || value === null) return false
  const header = value as Partial<Record<keyof StandardKeyHeader, unknown>>
  return (
    header.format === 1 &&
    header.kind === 'key' &&
    typeof header.instance === 'string' &&
    typeof header.identifier === 'string' &&
    Number.isSafeInteger(header.generation) &&
    typeof header.objectType === 'string' &&
    typeof header.head === 'object' &&
    header.head !== null
  )
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new StandardKeyFormatError('this is not JSON', { cause })
  }
}
