// The JSON form of values of the core: times, the order of lists, and attributes with everything that they may hold.

import { numberText, type AttributeSet } from '../../../wire/kmip/attributes.ts'

/** Milliseconds since 1970 as ISO 8601, UTC. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

export function isoTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms)
}

/** Sorts a list for people: by name, numbers in names by their value. */
export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return names.compare(a.name, b.name)
}

const names = new Intl.Collator('en', { numeric: true })

export function shownAttributes(attributes: AttributeSet) {
  return [...attributes].flatMap(([name, instances]) =>
    instances.map(({ index, value }) => ({ name, index, value: shownValue(name, value) })),
  )
}

/** An attribute's value: bytes in hex, dates in ISO 8601, other large numbers as text. `key` names the attribute. */
function shownValue(key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return key.endsWith('Date') ? dateText(value) : numberText(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map((item) => shownValue(key, item))
  if (typeof value !== 'object' || value === null) return value
  const isDate = 'type' in value && value.type === 'DateTime'
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, shownValue(isDate ? 'Date' : name, item)]),
  )
}

/** Seconds since 1970, as KMIP has them. A date beyond the calendar of JavaScript stays a number. */
function dateText(seconds: bigint): string {
  const date = new Date(Number(seconds) * 1000)
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString()
}
