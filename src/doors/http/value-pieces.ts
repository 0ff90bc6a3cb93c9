// A value that goes from one thread to another in pieces, so that no single one takes the receiving thread long. A piece is a part
// of one long list, or of one long record such as a map of identifiers. The elements of a list are not cut.

import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import type { Parts } from '../../base/parts.ts'

/** Entries of a list or a record that make one piece. */
const pieceEntriesMax = 500

type Piece =
  /** The whole value, with long lists and records empty. It comes first. */
  | { readonly type: 'frame'; readonly value: unknown }
  | { readonly type: 'items'; readonly path: readonly string[]; readonly items: readonly unknown[] }
  | {
      readonly type: 'fields'
      readonly path: readonly string[]
      readonly fields: readonly (readonly [string, unknown])[]
    }

/** `value`: as a schema returns it, of lists, plain objects and values that the structured clone knows. */
export function sendPieces(port: MessagePort, value: unknown): void {
  const rest: Piece[] = []
  const frame = framed(value, [], rest)
  for (const piece of [{ type: 'frame', value: frame } satisfies Piece, ...rest]) port.postMessage(piece, [])
}

/** Puts the pieces together that are on the port, and closes it. A part is one piece. */
export function* receivedPieces(port: MessagePort): Parts<unknown> {
  let whole: unknown
  try {
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
      whole = withPiece(whole, next.message as Piece)
      yield
    }
  } finally {
    port.close()
  }
  return whole
}

function framed(value: unknown, path: readonly string[], rest: Piece[]): unknown {
  if (Array.isArray(value)) {
    if (value.length <= pieceEntriesMax) return value
    for (const items of slices<unknown>(value)) rest.push({ type: 'items', path, items })
    return []
  }
  if (!isPlain(value)) return value
  const fields = Object.entries(value)
  if (fields.length <= pieceEntriesMax)
    return Object.fromEntries(
      fields.map(([name, field]) => [name, framed(field, [...path, name], rest)] as const),
    )
  for (const some of slices(fields)) rest.push({ type: 'fields', path, fields: some })
  return {}
}

function* slices<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < list.length; at += pieceEntriesMax) yield list.slice(at, at + pieceEntriesMax)
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function withPiece(whole: unknown, piece: Piece): unknown {
  if (piece.type === 'frame') return piece.value
  const place = piece.path.reduce((at, name) => (at as Record<string, unknown>)[name], whole)
  if (piece.type === 'items') (place as unknown[]).push(...piece.items)
  else
    for (const [name, value] of piece.fields)
      // An assignment to `__proto__` would set no field.
      Object.defineProperty(place, name, { value, writable: true, enumerable: true, configurable: true })
  return whole
}
