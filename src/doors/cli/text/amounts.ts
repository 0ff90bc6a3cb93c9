// Amounts in words, as commands print them.

import { counted } from '../../../base/text/counted.ts'

/** `7 days`, `36 hours`, `90 s`: in the largest unit that says it exactly. */
export function durationText(seconds: number): string {
  for (const [unit, noun] of [
    [24 * 3600, 'day'],
    [3600, 'hour'],
    [60, 'minute'],
  ] as const)
    if (seconds % unit === 0) return counted(seconds / unit, noun)
  return `${seconds} s`
}

export function countsText(objects: Readonly<Record<string, number>>): string {
  const counts = Object.entries(objects).map(([state, count]) => `${count} ${state}`)
  return counts.length === 0 ? 'none' : counts.join(', ')
}

/** `512 bytes`, `3.4 MiB`. */
export function largeSizeText(bytes: number): string {
  if (bytes < 1024) return counted(bytes, 'byte')
  const power = Math.min(4, Math.floor(Math.log2(bytes) / 10))
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${['', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`
}

/** How long an expired certificate is served. */
export function graceText(days: number): string {
  return days === 0 ? 'refused at once' : `served for ${counted(days, 'more day')}`
}
