// Times as people write and read them. Input is local time unless it names a zone; output is local time with its zone.
// The process's time zone (TZ) says what is local. The admin API itself speaks ISO 8601 in UTC.

import { UsageError } from '../world.ts'

/** For the help of flags that take a time. */
export const timeHelp = '2026-11-25, 2026-11-25T10:00, -2h, -7d, today, yesterday or now'

/** Reads a time as a person writes it; returns ISO 8601 in UTC. UsageError if it is no time. */
export function parseTime(flag: string, text: string, nowMs: number): string {
  const word = text.trim()
  const ms = words.get(word.toLowerCase())?.(nowMs) ?? distanceFrom(nowMs, word) ?? calendarTime(word)
  const iso = ms === undefined ? '' : new Date(ms).toISOString()
  // ISO 8601 has another form for years that do not have four digits, which no caller means.
  if (!/^\d{4}-/.test(iso)) throw new UsageError(`${flag} takes a time such as ${timeHelp}, not ${text}`)
  return iso
}

/** `2026-03-01 13:00 +01:00`, `2026-03-01 12:00 UTC`; empty for null. */
export function shortTime(iso: string | null): string {
  return iso === null ? '' : local(iso, 'minutes')
}

/** The day alone, for a narrow column; empty for null. */
export function dayOf(iso: string | null): string {
  return shortTime(iso).replace(/^(\d{4}-\d{2}-\d{2}) .*$/, '$1')
}

/** The time on this machine, with seconds. */
export function exactTime(iso: string): string {
  return local(iso, 'seconds')
}

const words = new Map<string, (nowMs: number) => number>([
  ['now', (nowMs) => nowMs],
  ['today', (nowMs) => midnight(nowMs, 0)],
  ['yesterday', (nowMs) => midnight(nowMs, -1)],
])

function midnight(nowMs: number, days: number): number {
  const now = new Date(nowMs)
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days).getTime()
}

const unitMs = { s: 1000, m: 60_000, h: 3_600_000 } as const

/** `-90m`, `-2h`, `+1h`: hours and less by the clock; days and weeks by the calendar, at the same local time. */
function distanceFrom(nowMs: number, text: string): number | undefined {
  const [, sign, digits, unit = ''] = /^([+-])(\d{1,6})([smhdw])$/.exec(text) ?? []
  if (sign === undefined) return undefined
  const count = Number(`${sign}${digits}`)
  if (unit === 's' || unit === 'm' || unit === 'h') return nowMs + count * unitMs[unit]
  const day = new Date(nowMs)
  day.setDate(day.getDate() + count * (unit === 'w' ? 7 : 1))
  return day.getTime()
}

const calendar =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3})\d*)?)?(?: ?(Z|UTC|[+-]\d{2}:?\d{2}))?)?$/i

/** A date, or a date with a time, with or without a zone. A date alone is the beginning of that day. Without a zone it is local time. */
function calendarTime(text: string): number | undefined {
  const parts = calendar.exec(text)
  if (!parts) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1, 7)
    .map((part) => Number(part ?? 0))
  const milliseconds = Number((parts[7] ?? '').padEnd(3, '0'))
  const isDay = new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day && month >= 1 && month <= 12
  if (!isDay || hour > 23 || minute > 59 || second > 59) return undefined
  const time = [year, month - 1, day, hour, minute, second, milliseconds] as const
  const zone = parts[8]
  if (zone === undefined) return new Date(...time).getTime()
  const offset = offsetMinutes(zone)
  return offset === undefined ? undefined : Date.UTC(...time) - offset * 60_000
}

function offsetMinutes(zone: string): number | undefined {
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})$/.exec(zone) ?? []
  if (sign === undefined) return 0
  const offset = Number(hours) * 60 + Number(minutes)
  return Number(minutes) > 59 || offset > 14 * 60 ? undefined : sign === '-' ? -offset : offset
}

function local(iso: string, precision: 'minutes' | 'seconds'): string {
  const time = new Date(iso)
  // The server passes times of root key services on unchecked.
  if (Number.isNaN(time.getTime())) return iso
  const offset = -time.getTimezoneOffset()
  const shifted = new Date(time.getTime() + offset * 60_000).toISOString()
  return `${shifted.slice(0, precision === 'minutes' ? 16 : 19).replace('T', ' ')} ${zoneText(offset)}`
}

function zoneText(offset: number): string {
  if (offset === 0) return 'UTC'
  const [hours, minutes] = [Math.trunc(Math.abs(offset) / 60), Math.abs(offset) % 60]
  return `${offset < 0 ? '-' : '+'}${[hours, minutes].map((part) => String(part).padStart(2, '0')).join(':')}`
}
