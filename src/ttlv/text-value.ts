// Values as the text encodings write them (KMIP profiles 2.1 §5.5 and §5.6), to and from TTLV. XML and JSON agree on
// nearly all of them, so both read and write them here. Keys stay bytes: hexadecimal digits never become a string.

import { TtlvError } from './error.ts'
import type { ItemWriter } from './item-writer.ts'
import type { ValueNames } from './names.ts'
import type { ItemType, TextType } from './wire.ts'

/** A value of the type that is neither text nor a structure, as characters without escapes. */
export interface TextValue {
  readonly tag: number
  readonly type: Exclude<ItemType, 'Structure' | TextType>
  readonly names: ValueNames | undefined
  /** Characters, of which those from `start` to `end` are the value. */
  readonly from: Buffer
  readonly start: number
  readonly end: number
}

/** Writes the value as an item. Throws TtlvError `malformed` or `unknown-value`, without a place. */
export function readValue(writer: ItemWriter, value: TextValue): void {
  const { tag, type } = value
  if (type === 'ByteString') return readBytes(writer, value)
  if (type === 'BigInteger') return readBigInteger(writer, value)
  const text = shortText(value)
  switch (type) {
    case 'Integer':
      return writer.word(tag, type, value.names?.bits ? maskOf(text, value.names) : integerOf(text))
    case 'Interval':
      return writer.word(tag, type, Number(numberOf(text, 0n, 2n ** 32n - 1n, 8)))
    case 'Enumeration':
      return writer.word(tag, type, enumerationOf(text, value.names))
    case 'LongInteger':
      return writer.long(tag, type, longOf(text))
    case 'Boolean':
      return writer.long(tag, type, booleanOf(text))
    case 'DateTime':
      return writer.long(tag, type, isNumber(text) ? longOf(text) : microsecondsOf(text).seconds)
    case 'DateTimeExtended':
      return writer.long(tag, type, isNumber(text) ? longOf(text) : microsecondsOf(text).microseconds)
  }
}

/** An integer that is not a mask, however JSON or XML wrote it. Throws TtlvError. */
function integerOf(text: string): number {
  return Number(BigInt.asIntN(32, numberOf(text, -(2n ** 31n), 2n ** 31n - 1n, 8)))
}

function longOf(text: string): bigint {
  return numberOf(text, -(2n ** 63n), 2n ** 63n - 1n, 16)
}

const shortBytesMax = 2_048

/** No value but bytes, big integers and text is long, or secret. */
function shortText({ from, start, end }: TextValue): string {
  if (end - start > shortBytesMax) throw wrong('is too long')
  return from.toString('latin1', start, end)
}

function isNumber(text: string): boolean {
  return /^(?:0x|-?\d+$)/.test(text)
}

/** Decimal within the bounds, or 0x and at most so many digits, whose highest bit the caller may take as the sign. */
function numberOf(text: string, min: bigint, max: bigint, hexDigitsMax: number): bigint {
  if (/^0x[0-9a-fA-F]+$/.test(text)) {
    if (text.length - 2 > hexDigitsMax) throw wrong(`has more than ${hexDigitsMax} hexadecimal digits`)
    return BigInt(text)
  }
  if (!/^[+-]?\d{1,20}$/.test(text)) throw wrong('is not a whole number')
  const value = BigInt(text)
  if (value < min || value > max) throw wrong(`is not between ${min} and ${max}`)
  return value
}

function maskOf(text: string, names: ValueNames): number {
  let bits = 0
  for (const part of text.split(/[\s|]/)) {
    if (part === '') continue
    const bit = /^[+-]?\d/.test(part)
      ? Number(numberOf(part, -(2n ** 31n), 2n ** 32n - 1n, 8))
      : names.codeOf(part)
    if (bit === undefined) throw unknown('has a bit that no version of KMIP names')
    bits |= bit
  }
  return bits
}

function enumerationOf(text: string, names: ValueNames | undefined): number {
  if (/^\d/.test(text)) return Number(BigInt.asUintN(32, numberOf(text, 0n, 2n ** 32n - 1n, 8)))
  const code = names?.codeOf(text)
  if (code === undefined)
    throw unknown('has a value that no version of KMIP names: write its number, such as 0x00000001')
  return code
}

function booleanOf(text: string): bigint {
  if (text === 'true' || text === '1' || text === '0x0000000000000001') return 1n
  if (text === 'false' || text === '0' || text === '0x0000000000000000') return 0n
  throw wrong('is neither true nor false')
}

// ---------------------------------------------------------------- Dates

const moment =
  /^(?<date>\d{4}-\d\d-\d\d)T(?<time>\d\d:\d\d:\d\d)(?:\.(?<part>\d{1,9}))?(?:Z|(?<sign>[+-])(?<hours>\d\d):?(?<minutes>\d\d))$/

/** ISO 8601 with a time zone. A Date-Time ignores parts of a second. */
function microsecondsOf(text: string): { readonly seconds: bigint; readonly microseconds: bigint } {
  const {
    date = '',
    time = '',
    part = '',
    sign,
    hours = '00',
    minutes = '00',
  } = moment.exec(text)?.groups ?? {}
  const utcMs = Date.parse(`${date}T${time}Z`)
  const offset = Number(hours) * 60 + Number(minutes)
  const isDay = !Number.isNaN(utcMs) && new Date(utcMs).toISOString().startsWith(date)
  if (!isDay || Number(minutes) > 59 || offset > 14 * 60)
    throw wrong('is not a moment with its time zone, such as 2026-03-01T12:00:00+00:00')
  const seconds = BigInt(utcMs / 1_000 - (sign === '-' ? -offset : offset) * 60)
  return { seconds, microseconds: seconds * 1_000_000n + BigInt(part.padEnd(6, '0').slice(0, 6)) }
}

/** As ISO 8601, or as a hexadecimal number if the year has not four digits. */
export function dateText(seconds: bigint): string {
  if (seconds < yearOne || seconds > year9999) return hexText(seconds, 64)
  return new Date(Number(seconds) * 1_000).toISOString().replace('.000Z', '+00:00')
}

const yearOne = BigInt(Date.parse('0001-01-01T00:00:00Z') / 1_000)
const year9999 = BigInt(Date.parse('9999-12-31T23:59:59Z') / 1_000)

// ---------------------------------------------------------------- Numbers as text

export function hexText(value: bigint, bits: number): string {
  return `0x${BigInt.asUintN(bits, value)
    .toString(16)
    .padStart(bits / 4, '0')}`
}

export function enumerationText(code: number, names: ValueNames | undefined): string {
  return names?.nameOf(code) ?? hexText(BigInt(code), 32)
}

/** The names of the bits, and one number for those without a name. Empty: no bit is set. */
export function maskText(bits: number, names: ValueNames, separator: string): string {
  let rest = bits
  const said: string[] = []
  for (const bit of names.bits ?? []) {
    const name = names.nameOf(bit)
    if ((bits & bit) === 0 || name === undefined) continue
    said.push(name)
    rest &= ~bit
  }
  if (rest !== 0) said.push(hexText(BigInt(rest), 32))
  return said.join(separator)
}

// ---------------------------------------------------------------- Hexadecimal bytes

const digits = new Int8Array(256).fill(-1)
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16)
  digits[digit.charCodeAt(0)] = value
  digits[digit.toUpperCase().charCodeAt(0)] = value
}

function readBytes(writer: ItemWriter, { tag, type, from, start, end }: TextValue): void {
  checkHex(from, start, end)
  fillFromHex(writer.room(tag, type, (end - start) / 2), 0, from, start)
}

/** The bytes of a number in two's complement, which is extended to a multiple of eight bytes. */
function readBigInteger(writer: ItemWriter, { tag, type, from, start, end }: TextValue): void {
  const first = from[start] === 0x30 && (from[start + 1] ?? 0) === 0x78 ? start + 2 : start
  if (first === end) throw wrong('has no digits')
  checkHex(from, first, end)
  const bytes = (end - first) / 2
  const room = writer.room(tag, type, Math.ceil(bytes / 8) * 8)
  const isNegative = (digits[from[first] ?? 0] ?? 0) >= 8
  if (isNegative) room.fill(0xff)
  fillFromHex(room, room.length - bytes, from, first)
}

function checkHex(from: Buffer, start: number, end: number): void {
  if ((end - start) % 2 !== 0) throw wrong('has an odd number of hexadecimal digits')
  for (let at = start; at < end; at++)
    if ((digits[from[at] ?? 0] ?? 0) < 0) throw wrong('has something other than hexadecimal digits')
}

function fillFromHex(into: Buffer, offset: number, from: Buffer, start: number): void {
  for (let out = offset, at = start; out < into.length; out++, at += 2)
    into[out] = ((digits[from[at] ?? 0] ?? 0) << 4) | (digits[from[at + 1] ?? 0] ?? 0)
}

// ---------------------------------------------------------------- Errors

function wrong(what: string): TtlvError {
  return new TtlvError('malformed', `the value ${what}`, { path: '', offset: 0 })
}

function unknown(what: string): TtlvError {
  return new TtlvError('unknown-value', what, { path: '', offset: 0 })
}
