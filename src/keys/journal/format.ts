// The journal of an instance as bytes: what is entered, how entries become parts of a size that a standard key can
// hold, and how parts are read again. Pure but for zlib's threads; when and where parts are kept is journal.ts.
//
//   part     header: JSON on one line, nothing secret | \n | nonce (12) | ciphertext | tag (16)
//   run      the plaintexts of one or more parts in order, deflated together: frames
//   frame    length of head (4) | head: JSON | length of bytes (4) | bytes: an object's packed attributes
//
// A part that is lost takes its own run with it and no other. Most runs are one part; only an object whose attributes
// do not fit into one makes a run of several. The whole header is associated data, so a part opens as no other.

import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { deflateRaw, inflateRaw } from 'node:zlib'
import { limits } from '../../limits.ts'
import type { Instance } from '../../trust/rows.ts'

const deflated = promisify(deflateRaw)
const inflated = promisify(inflateRaw)

/** An object as it was when it was entered. */
export interface JournalEntry {
  readonly kind: 'object'
  readonly uniqueIdentifier: string
  readonly objectType: string
  readonly state: string
  readonly version: number
  readonly createdMs: number
  /** Of the standard key that holds it; 'data-key': only the database has it; null: it is destroyed. */
  readonly generation: number | 'data-key' | null
  /** Of the one that wrapped what is in that standard key; null where there is none. */
  readonly rootKeyId: string | null
  /** Packed by kmip/attributes. */
  readonly attributes: Uint8Array
}

export type JournalSettings = Pick<
  Instance,
  'name' | 'cacheSeconds' | 'outageSeconds' | 'expiredGraceDays' | 'portable' | 'createdMs'
>

export type JournalItem =
  | JournalEntry
  | { readonly kind: 'settings'; readonly settings: JournalSettings }
  /**
   * The last word of a journal that was written anew: it consists of all parts from this number to its own, and what has
   * a lower number does not count any more. `moving`: in the middle of a move, objects lie under another root key too.
   */
  | { readonly kind: 'whole'; readonly from: number; readonly moving: boolean }
  /**
   * The last word of parts that were entered together, which begin with this number; before them the part `follows` came,
   * or none (0). So what is missing can be told from what was never entered.
   */
  | { readonly kind: 'end'; readonly from: number; readonly follows: number }
  | JournalDeparture

/**
 * Written beside a root key that the instance leaves, before the first of its objects does: until the journal is written
 * anew here, or deleted, some of them may lie under the other.
 */
export interface JournalDeparture {
  readonly kind: 'departure'
  readonly atMs: number
  readonly custody: Instance['custody']
  readonly rootKeyUri: string
  readonly rootKeyId: string
}

export interface JournalHeader {
  readonly format: 1
  readonly kind: 'journal'
  readonly instance: string
  /** Rises from part to part of an instance. */
  readonly number: number
  readonly generation: number
  /** Parts with the same run belong together, in the order of `piece` (from 0). */
  readonly run: string
  readonly piece: number
  readonly pieces: number
  /** Names the data key; parts that were written together share one. */
  readonly dataKeyId: string
  /** The data key, wrapped by the root key; base64. */
  readonly wrapped: string
  /** Of the root key; '' where not known. */
  readonly keyVersion: string
}

/** A part that this program did not write, that was altered, or that lacks its other pieces. */
export class JournalDamaged extends Error {
  override readonly name = 'JournalDamaged'
}

const nonceBytes = 12
const tagBytes = 16
/** Attributes at most, with room for head and lengths. */
const runBytesMax = limits.objectAttributesBytesMax + 64 * 1024
/** Entries that are tried together: about twice what fits a part of Key Protect. */
const windowEntries = 64

// ---------------------------------------------------------------- names

export function journalPartName(instanceId: string, number: number): string {
  return `mortise-journal-${instanceId}-${number}`
}

/** The number of a part, as its name says; undefined for what is no part of this instance. */
export function journalPartNumber(instanceId: string, name: string): number | undefined {
  const start = `mortise-journal-${instanceId}-`
  if (!name.startsWith(start) || !/^[1-9]\d{0,14}$/.test(name.slice(start.length))) return undefined
  return Number(name.slice(start.length))
}

/** What the wrapped data key of parts is bound to. */
export function journalKeyAad(instanceId: string, dataKeyId: string): Buffer {
  return Buffer.from(JSON.stringify(['mortise journal key 1', instanceId, dataKeyId]))
}

// ---------------------------------------------------------------- items to runs and back

/** A run: the items in it, and what its parts hold. */
export interface JournalRun {
  readonly items: readonly JournalItem[]
  readonly pieces: readonly Buffer[]
}

/** What of a payload is left for a piece. `header`: as it will be; its numbers may grow. */
export function pieceBytesMax(payloadBytesMax: number, header: JournalHeader): number {
  const widest = { ...header, number: 1e14, generation: 1e8, piece: 1e5, pieces: 1e5 }
  const most = payloadBytesMax - headerLine(widest).length - nonceBytes - tagBytes
  if (most < 1) throw new Error(`a part of the journal does not fit ${payloadBytesMax} bytes`)
  return most
}

/** Items as runs of pieces that have at most `bytesMax`, as few as may be. */
export async function* packJournal(
  items: AsyncIterable<JournalItem> | Iterable<JournalItem>,
  bytesMax: number,
): AsyncGenerator<JournalRun> {
  const waiting: Waiting[] = []
  for await (const item of items) {
    waiting.push({ item, frame: frameOf(item) })
    while (isEnough(waiting)) yield await takeRun(waiting, bytesMax)
  }
  while (waiting.length > 0) yield await takeRun(waiting, bytesMax)
}

interface Waiting {
  readonly item: JournalItem
  readonly frame: Buffer
}

function isEnough(waiting: readonly Waiting[]): boolean {
  const bytes = waiting.reduce((sum, { frame }) => sum + frame.length, 0)
  return waiting.length >= windowEntries || bytes >= runBytesMax
}

async function takeRun(waiting: Waiting[], bytesMax: number): Promise<JournalRun> {
  const frames = waiting.map(({ frame }) => frame)
  const { count, bytes } = await fitting(frames, bytesMax)
  const items = waiting.splice(0, count).map(({ item }) => item)
  return { items, pieces: cut(bytes, bytesMax) }
}

/** The items of a run. Of a kind that a newer version may add nothing is said. Throws JournalDamaged. */
export async function unpackRun(pieces: readonly Uint8Array[]): Promise<readonly JournalItem[]> {
  let raw: Buffer
  try {
    raw = await inflated(Buffer.concat(pieces), { maxOutputLength: runBytesMax * 2 })
  } catch (cause) {
    throw new JournalDamaged('a part of the journal cannot be inflated', { cause })
  }
  const items: JournalItem[] = []
  for (let at = 0; at < raw.length;) {
    const head = block(raw, at)
    const bytes = block(raw, at + 4 + head.length)
    at += 8 + head.length + bytes.length
    const item = itemOf(parsed(head), bytes)
    if (item) items.push(item)
  }
  return items
}

/** How many frames from the first on fit one piece together, and what they are deflated; one that fits none is alone. */
async function fitting(
  frames: readonly Buffer[],
  bytesMax: number,
): Promise<{ count: number; bytes: Buffer }> {
  let count = frames.length
  for (;;) {
    const bytes = await deflated(Buffer.concat(frames.slice(0, count)), { level: 9 })
    if (bytes.length <= bytesMax || count === 1) return { count, bytes }
    const fewer = Math.floor((count * bytesMax * 0.97) / bytes.length)
    count = Math.max(1, Math.min(fewer, count - 1))
  }
}

function cut(bytes: Buffer, bytesMax: number): Buffer[] {
  const count = Math.max(1, Math.ceil(bytes.length / bytesMax))
  return Array.from({ length: count }, (_, at) => bytes.subarray(at * bytesMax, (at + 1) * bytesMax))
}

function frameOf(item: JournalItem): Buffer {
  const { attributes, ...said } = { attributes: new Uint8Array(0), ...item }
  const head = Buffer.from(JSON.stringify(said))
  return Buffer.concat([length(head), head, length(attributes), attributes])
}

function length({ length }: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(length)
  return bytes
}

function block(raw: Buffer, at: number): Buffer {
  if (at + 4 > raw.length || at + 4 + raw.readUInt32BE(at) > raw.length)
    throw new JournalDamaged('a part of the journal is cut off')
  return raw.subarray(at + 4, at + 4 + raw.readUInt32BE(at))
}

function itemOf(head: unknown, bytes: Buffer): JournalItem | undefined {
  const said = head as { readonly kind?: unknown }
  if (typeof head !== 'object' || said === null) throw notOurs()
  if (said.kind === 'object') {
    const entry = { ...(said as Omit<JournalEntry, 'attributes'>), attributes: bytes }
    if (!isEntry(entry)) throw notOurs()
    return entry
  }
  if (said.kind === 'settings') {
    const item = said as { readonly kind: 'settings'; readonly settings: JournalSettings }
    if (!isSettings(item.settings)) throw notOurs()
    return item
  }
  if (said.kind === 'whole') {
    const item = said as { readonly kind: 'whole'; readonly from: number; readonly moving: boolean }
    if (!Number.isSafeInteger(item.from) || typeof item.moving !== 'boolean') throw notOurs()
    return item
  }
  if (said.kind === 'end') {
    const item = said as { readonly kind: 'end'; readonly from: number; readonly follows: number }
    if (!Number.isSafeInteger(item.from) || !Number.isSafeInteger(item.follows)) throw notOurs()
    return item
  }
  if (said.kind === 'departure') {
    const item = said as JournalDeparture
    if (!isDeparture(item)) throw notOurs()
    return item
  }
  return undefined
}

function isEntry(entry: Readonly<Record<keyof JournalEntry, unknown>>): boolean {
  const { uniqueIdentifier, objectType, state, version, createdMs, generation, rootKeyId } = entry
  return (
    [uniqueIdentifier, objectType, state].every((text) => typeof text === 'string') &&
    [version, createdMs].every((number) => Number.isSafeInteger(number)) &&
    (generation === null || generation === 'data-key' || Number.isSafeInteger(generation)) &&
    (rootKeyId === null || typeof rootKeyId === 'string')
  )
}

function isSettings(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const settings = value as Partial<Record<keyof JournalSettings, unknown>>
  const { name, cacheSeconds, outageSeconds, expiredGraceDays, portable, createdMs } = settings
  return (
    typeof name === 'string' &&
    typeof portable === 'boolean' &&
    [cacheSeconds, outageSeconds, expiredGraceDays, createdMs].every((number) => Number.isSafeInteger(number))
  )
}

function isDeparture(item: Readonly<Record<keyof JournalDeparture, unknown>>): boolean {
  const { atMs, custody, rootKeyUri, rootKeyId } = item
  return (
    Number.isSafeInteger(atMs) &&
    (custody === 'database' || custody === 'keyprotect') &&
    [rootKeyUri, rootKeyId].every((text) => typeof text === 'string')
  )
}

// ---------------------------------------------------------------- pieces to payloads and back

/** The payload of one part. */
export function sealPart(dataKey: KeyObject, header: JournalHeader, piece: Uint8Array): Buffer {
  const line = headerLine(header)
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', dataKey, nonce)
  cipher.setAAD(line)
  return Buffer.concat([line, nonce, cipher.update(piece), cipher.final(), cipher.getAuthTag()])
}

/** What stands in the open. Throws JournalDamaged. */
export function partHeader(payload: Uint8Array): JournalHeader {
  const { line } = split(payload)
  const header = parsed(line)
  if (!isHeader(header)) throw notOurs()
  return header
}

/** The piece that `sealPart` sealed under the same header. Throws JournalDamaged. */
export function openPart(dataKey: KeyObject, payload: Uint8Array): Buffer {
  const { line, rest } = split(payload)
  if (rest.length < nonceBytes + tagBytes) throw new JournalDamaged('a part of the journal is cut off')
  const options = { authTagLength: tagBytes }
  const decipher = createDecipheriv('aes-256-gcm', dataKey, rest.subarray(0, nonceBytes), options)
  decipher.setAAD(line)
  decipher.setAuthTag(rest.subarray(rest.length - tagBytes))
  const piece = decipher.update(rest.subarray(nonceBytes, rest.length - tagBytes))
  try {
    decipher.final()
  } catch (cause) {
    throw new JournalDamaged('a part of the journal was altered, or sealed by another key', { cause })
  }
  return piece
}

function headerLine(header: JournalHeader): Buffer {
  return Buffer.from(`${JSON.stringify(header)}\n`)
}

/** `line` with its end. */
function split(payload: Uint8Array): { readonly line: Buffer; readonly rest: Buffer } {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
  const end = bytes.indexOf(0x0a)
  if (end < 0) throw notOurs()
  return { line: bytes.subarray(0, end + 1), rest: bytes.subarray(end + 1) }
}

function isHeader(value: unknown): value is JournalHeader {
  if (typeof value !== 'object' || value === null) return false
  const header = value as Partial<Record<keyof JournalHeader, unknown>>
  const { instance, run, dataKeyId, wrapped, keyVersion, number, generation, piece, pieces } = header
  return (
    header.format === 1 &&
    header.kind === 'journal' &&
    [instance, run, dataKeyId, wrapped, keyVersion].every((text) => typeof text === 'string') &&
    [number, generation, piece, pieces].every((count) => Number.isSafeInteger(count) && Number(count) >= 0) &&
    Number(piece) < Number(pieces)
  )
}

function parsed(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'))
  } catch (cause) {
    throw new JournalDamaged('a part of the journal is not as Mortise writes it', { cause })
  }
}

function notOurs(): JournalDamaged {
  return new JournalDamaged('this is no part of a journal of Mortise')
}
