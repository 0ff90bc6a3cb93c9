// Values in the text encodings (KMIP profiles 2.1 §5.5 and §5.6), to and from TTLV. XML and JSON write nearly all of them alike,
// so both use this file. Keys stay bytes: hexadecimal digits never become a string.

import type { Parts } from '../../base/parts.ts'
import { TtlvError } from './error.ts'
import type { ItemWriter } from './item-writer.ts'
import type { ValueNames } from './names.ts'
import type { ItemType, TextType } from './wire.ts'

/** The bytes of a text that are read or written between two pauses. */
export const pieceBytes = 4_096

type DigitsType = 'ByteString' | 'BigInteger'

/** A value of a type with short values, as characters without escapes. */
export interface TextValue {
  readonly tag: number
  readonly type: Exclude<ItemType, 'Structure' | TextType | DigitsType>
  readonly names: ValueNames | undefined
  /** The buffer that holds the characters of the value, from `start` to `end`. */
  readonly from: Buffer
  readonly start: number
  readonly end: number
}

/** Writes the value as an item. Throws TtlvError `malformed` or `unknown-value`, without a place. */
export function readValue(writer: ItemWriter, value: TextValue): void {
  const { tag, type } = value
  const text = shortText(value)
  switch (type) {
    case 'Integer':
      return writer.word(tag, type, value.names?.bits ? maskOf(text, value.names) : integerOf(text))
    case 'Interval':
      return writer.word(tag, type, shortNumberOf(text) ?? Number(numberOf(text, 0n, 2n ** 32n - 1n, 8)))
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

/** An integer that is not a mask, in JSON's or XML's spelling. Throws TtlvError. */
function integerOf(text: string): number {
  return shortNumberOf(text) ?? Number(BigInt.asIntN(32, numberOf(text, -(2n ** 31n), 2n ** 31n - 1n, 8)))
}

function longOf(text: string): bigint {
  return numberOf(text, -(2n ** 63n), 2n ** 63n - 1n, 16)
}

const shortBytesMax = 2_048

/** Makes a string. Values of these types are not secret. */
function shortText({ from, start, end }: TextValue): string {
  if (end - start > shortBytesMax) throw wrong('is too long')
  return from.toString('latin1', start, end)
}

function isNumber(text: string): boolean {
  return /^(?:0x|-?\d+$)/.test(text)
}

/**
 * A decimal number within the bounds, or 0x and at most `hexDigitsMax` digits, whose highest bit the caller may use as the sign.
 */
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

/** Reads words between spaces or bars. A mask may have a thousand of them. */
function maskOf(text: string, names: ValueNames): number {
  let bits = 0
  for (let start = 0; start < text.length;) {
    let end = start
    while (end < text.length && !isSeparator(text.charCodeAt(end))) end++
    if (end > start) bits |= bitsOf(text.slice(start, end), names)
    start = end + 1
  }
  return bits
}

function isSeparator(code: number): boolean {
  return code === 0x20 || code === 0x7c || (code >= 0x09 && code <= 0x0d)
}

function bitsOf(word: string, names: ValueNames): number {
  const bits =
    shortNumberOf(word) ??
    (/^[+-]?\d/.test(word) ? Number(numberOf(word, -(2n ** 31n), 2n ** 32n - 1n, 8)) : names.codeOf(word))
  if (bits === undefined) throw unknown('has a bit that no version of KMIP names')
  return bits
}

/**
 * A number of up to nine digits, or 0x and up to eight, read without a regular expression. Undefined: the text is something else.
 */
function shortNumberOf(text: string): number | undefined {
  const isHex = text.length > 2 && text.startsWith('0x')
  if (text === '' || text.length > (isHex ? 10 : 9)) return undefined
  let value = 0
  for (let at = isHex ? 2 : 0; at < text.length; at++) {
    const digit = hexDigit(text.charCodeAt(at))
    if (digit < 0 || (!isHex && digit > 9)) return undefined
    value = value * (isHex ? 16 : 10) + digit
  }
  return value
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

/** Reads ISO 8601 with a time zone. A Date-Time ignores parts of a second. */
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

/** ISO 8601, or a hexadecimal number if the year does not have four digits. */
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

/** The names of the bits, and one number for the bits without a name. Empty: no bit is set. */
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

/** The value of a hexadecimal digit. -1: the byte is not one. */
export function hexDigit(byte: number): number {
  return digits[byte] ?? -1
}

/** Whether values of the type are hexadecimal digits. They may be long and secret. */
export function isDigitsType(type: ItemType): type is DigitsType {
  return type === 'ByteString' || type === 'BigInteger'
}

/** A value in hexadecimal digits, from `start` to `end`. */
export interface DigitsValue {
  readonly tag: number
  readonly type: DigitsType
  readonly from: Buffer
  readonly start: number
  readonly end: number
}

/** Writes the value as an item. Throws TtlvError `malformed`, without a place. */
export function* readDigits(writer: ItemWriter, { tag, type, from, start, end }: DigitsValue): Parts<void> {
  const isNumber = type === 'BigInteger'
  const first = isNumber && from[start] === 0x30 && (from[start + 1] ?? 0) === 0x78 ? start + 2 : start
  if (isNumber && first === end) throw wrong('has no digits')
  if ((end - first) % 2 !== 0) throw wrong('has an odd number of hexadecimal digits')
  const bytes = (end - first) / 2
  const room = writer.room(tag, type, isNumber ? Math.ceil(bytes / 8) * 8 : bytes)
  // A number in two's complement is extended to a multiple of eight bytes.
  if (isNumber && hexDigit(from[first] ?? 0) >= 8) room.fill(0xff)
  const into = room.subarray(room.length - bytes)
  for (let out = 0; out < bytes; out += pieceBytes) {
    if (out > 0) yield
    fillFromHex(into.subarray(out, out + pieceBytes), from, first + 2 * out)
  }
}

function fillFromHex(into: Buffer, from: Buffer, start: number): void {
  for (let out = 0, at = start; out < into.length; out++, at += 2) {
    const byte = (hexDigit(from[at] ?? 0) << 4) | hexDigit(from[at + 1] ?? 0)
    if (byte < 0) throw wrong('has something other than hexadecimal digits')
    into[out] = byte
  }
}

// ---------------------------------------------------------------- Errors

function wrong(what: string): TtlvError {
  return new TtlvError('malformed', `the value ${what}`, { path: '', offset: 0 })
}

function unknown(what: string): TtlvError {
  return new TtlvError('unknown-value', what, { path: '', offset: 0 })
}
