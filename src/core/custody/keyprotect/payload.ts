// The content of a standard key: one generation of one object, which describes itself. Pure.
//
//   payload   header: JSON on one line, nothing secret | \n | what the root key wrapped, deflated
//
// The root key wraps the key bytes with the hash of the header line as associated data. A payload whose header was altered, or
// moved to another wrapped form, does not open: Mortise wrote every payload that opens.

import { createHash } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { z } from 'zod'
import { wrappedKeyBytesMax } from '../../../base/bounds.ts'
import type { MaterialHead } from '../../sealing/envelope.ts'
import type { ObjectFacts } from '../custody.ts'

/** The names in a standard key, as JSON. */
export const standardKeyNamesBytesMax = 1_024

/** A payload that this program did not write, that was cut off, or that belongs to another object. */
export class PayloadError extends Error {
  override readonly name = 'PayloadError'
  /** Integrity raises an alarm for errors with this mark. */
  readonly altered = true
}

const closing = z.object({
  state: z.enum(['Deactivated', 'Compromised']),
  at: z.int(),
  occurredAt: z.int().nullable(),
  reason: z.string().nullable(),
})

const usageLimits = z.object({
  unit: z.string(),
  total: z.string().regex(/^-?\d{1,20}$/),
  count: z.string().regex(/^-?\d{1,20}$/),
})

const headerForm = z.object({
  mortise: z.literal(2),
  instance: z.string(),
  /** The instance's name at the time of writing. */
  instanceName: z.string(),
  /** Whether the instance's objects could share Names at the time of writing. */
  sharesNames: z.literal(true).optional(),
  identifier: z.string(),
  objectType: z.string(),
  generation: z.int().min(1),
  /** The run of the server that wrote it, as its audit log names it. */
  writer: z.string(),
  /** The fields of a Key Block besides the bytes. */
  head: z.object({
    keyFormatType: z.string().optional(),
    secretDataType: z.string().optional(),
    opaqueDataType: z.int().optional(),
    certificateType: z.string().optional(),
    certificateRequestType: z.string().optional(),
    pgpKeyVersion: z.int().optional(),
    splitKey: z
      .object({
        parts: z.int(),
        part: z.int(),
        threshold: z.int(),
        method: z.string(),
        primeFieldSize: z.string().optional(),
      })
      .optional(),
    keyCompressionType: z.string().optional(),
    wrapping: z.object({ data: z.string(), isInKeyValue: z.boolean() }).optional(),
    isElsewhere: z.literal(true).optional(),
  }),
  algorithm: z.string().nullable(),
  length: z.int().nullable(),
  mask: z.int().nullable(),
  names: z.array(z.object({ value: z.string(), type: z.string() })),
  closing: closing.nullable(),
  deactivationDate: z.int().nullable(),
  restrictions: z.object({
    sensitive: z.boolean(),
    extractable: z.boolean(),
    usageLimits: usageLimits.nullable(),
  }),
})

type HeaderForm = z.infer<typeof headerForm>

export interface Header extends ObjectFacts {
  readonly instance: string
  readonly instanceName: string
  readonly sharesNames?: true | undefined
  readonly identifier: string
  readonly objectType: string
  readonly generation: number
  readonly writer: string
  readonly head: MaterialHead
}

/** A header as its line, and the associated data that binds the key bytes to it. */
export interface BoundHeader {
  readonly line: Buffer
  readonly associatedData: Buffer
}

/** Leaves out names that do not fit; a backup has them. */
export function bindHeader(header: Header): BoundHeader {
  const { head, ...rest } = header
  const form: HeaderForm = {
    mortise: 2,
    ...rest,
    head: { ...head },
    names: fitting(header.names),
    closing: header.closing && { ...header.closing },
    restrictions: { ...header.restrictions },
  }
  return bound(Buffer.from(`${JSON.stringify(headerForm.parse(form))}\n`))
}

/** `bytesMax`: the largest payload that the service takes. Throws PayloadError. */
export function packPayload({ line }: BoundHeader, wrapped: Uint8Array, bytesMax: number): Buffer {
  // Wrapped keys are base64 within base64: a quarter of each is redundant.
  const payload = Buffer.concat([line, deflateRawSync(wrapped, { level: 9 })])
  if (payload.length <= bytesMax) return payload
  throw new PayloadError(`a standard key would need ${payload.length} bytes, not ${bytesMax}`)
}

/** Reads a payload without opening it: nothing in it is proved yet. Throws PayloadError. */
export function unpackPayload(payload: Uint8Array): {
  readonly header: Header
  readonly wrapped: Buffer
  readonly associatedData: Buffer
} {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
  const end = bytes.indexOf(0x0a)
  const { line, associatedData } = bound(bytes.subarray(0, end + 1))
  const header = parsed(line)
  try {
    const wrapped = inflateRawSync(bytes.subarray(end + 1), { maxOutputLength: wrappedKeyBytesMax })
    return { header, wrapped, associatedData }
  } catch (cause) {
    throw new PayloadError('this standard key was altered or cut off', { cause })
  }
}

/** The parts that two equal copies have in common, as text. */
export function comparable(header: Header): string {
  const { writer: _writer, instanceName: _instanceName, sharesNames: _sharesNames, ...facts } = header
  return JSON.stringify(facts)
}

/** Whether two sets of facts agree on all that is recorded after the creation. */
export function saysTheSame(a: ObjectFacts, b: ObjectFacts): boolean {
  return recordedLater(a) === recordedLater(b)
}

function recordedLater({ closing: closed, deactivationDate, restrictions }: ObjectFacts): string {
  const { sensitive, extractable, usageLimits: limited } = restrictions
  const closedAs = closed && [closed.state, closed.reason]
  const use = limited && [limited.unit, limited.total, limited.count]
  // A closed key needs no date on which it closes.
  return JSON.stringify([closedAs, closed ? null : deactivationDate, sensitive, extractable, use])
}

function bound(line: Buffer): BoundHeader {
  const hash = createHash('sha256').update(line).digest('hex')
  return { line, associatedData: Buffer.from(`mortise standard key 2 ${hash}`) }
}

function fitting(names: ObjectFacts['names']): HeaderForm['names'] {
  const kept: HeaderForm['names'] = []
  for (const { value, type } of names) {
    kept.push({ value, type })
    if (Buffer.byteLength(JSON.stringify(kept)) > standardKeyNamesBytesMax) return kept.slice(0, -1)
  }
  return kept
}

function parsed(line: Buffer): Header {
  let json: unknown
  try {
    json = JSON.parse(line.toString('utf8'))
  } catch (cause) {
    throw new PayloadError('this standard key was not made by Mortise', { cause })
  }
  const { success, data, error } = headerForm.safeParse(json)
  if (!success)
    throw new PayloadError('this standard key was not made by this version of Mortise', { cause: error })
  const { mortise: _form, head, ...header } = data
  return { ...header, head: head as MaterialHead }
}
