// How times are said: as the reader's machine says them, with the zone, and how long ago.

import { serverNowMs } from '../server-time.ts'

// Each time with the zone that it is said in: summer time has another one.
const format = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: 'numeric',
  minute: '2-digit',
  second: '2-digit',
  timeZoneName: 'short',
})
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })
const units: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

export function ago(at: string, nowMs = serverNowMs()): string {
  const seconds = Math.round((Date.parse(at) - nowMs) / 1000)
  for (const [unit, length] of units)
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit)
  return Math.abs(seconds) < 5 ? 'just now' : relative.format(seconds, 'second')
}

export function whole(at: string): string {
  return format.format(new Date(at))
}
