// Byte strings between threads travel in memory of their own, which is transferred and not copied. So no bytes of a key stay in
// memory that cannot be overwritten.

import { hash } from 'node:crypto'

/** Copies every byte string of the value into memory of its own. Returns the new value and that memory, for the transfer. */
export function ownBytes<T>(value: T): { readonly value: T; readonly transfer: ArrayBuffer[] } {
  const transfer: ArrayBuffer[] = []
  const copy = mapBytes(value, (bytes) => {
    const own = copyOf(bytes)
    transfer.push(own.buffer)
    return own
  })
  return { value: copy as T, transfer }
}

/** A copy in memory of its own. (A slice of a Buffer shares memory.) */
export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const own = new Uint8Array(bytes.length)
  own.set(bytes)
  return own
}

/** Overwrites every byte string in the value. */
export function wipeBytes(value: unknown): void {
  mapBytes(value, (bytes) => bytes.fill(0))
}

/** The value with each byte string replaced by its SHA-256, to compare it with another value later. */
export function digestsOf(value: unknown): unknown {
  return mapBytes(value, (bytes) => hash('sha256', bytes, 'buffer'))
}

function mapBytes(value: unknown, map: (bytes: Uint8Array) => Uint8Array): unknown {
  if (value instanceof Uint8Array) return map(value)
  if (Array.isArray(value)) return value.map((item) => mapBytes(item, map))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapBytes(item, map)]))
}
