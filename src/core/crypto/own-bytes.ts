// Byte strings that go to a thread or come from one travel in memory of their own, which is handed over and not copied on the
// way. So nothing of a key is left where nobody can overwrite it.

import { hash } from 'node:crypto'

/** The value with every byte string copied into memory of its own, and that memory, for the transfer. */
export function ownBytes<T>(value: T): { readonly value: T; readonly transfer: ArrayBuffer[] } {
  const transfer: ArrayBuffer[] = []
  const copy = mapBytes(value, (bytes) => {
    const own = copyOf(bytes)
    transfer.push(own.buffer)
    return own
  })
  return { value: copy as T, transfer }
}

/** In memory of its own. (The slice of a Buffer is none.) */
export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const own = new Uint8Array(bytes.length)
  own.set(bytes)
  return own
}

/** Overwrites every byte string in the value. */
export function wipeBytes(value: unknown): void {
  mapBytes(value, (bytes) => bytes.fill(0))
}

/** The value with the SHA-256 of every byte string in its place, to find out later whether another value is the same. */
export function digestsOf(value: unknown): unknown {
  return mapBytes(value, (bytes) => hash('sha256', bytes, 'buffer'))
}

function mapBytes(value: unknown, map: (bytes: Uint8Array) => Uint8Array): unknown {
  if (value instanceof Uint8Array) return map(value)
  if (Array.isArray(value)) return value.map((item) => mapBytes(item, map))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapBytes(item, map)]))
}
