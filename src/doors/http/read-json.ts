// Reads the body of a request, as JSON or as bytes, up to a bound.

import { Refusal } from '../../base/refusal.ts'
import type { HeldBytes } from '../admission/budget.ts'

/** The memory for the bytes. */
type Held = Pick<HeldBytes, 'hold'>

/**
 * Waits for a turn before it parses, since that cannot be interrupted. Throws Refusal 'unsupported-media-type', 'too-large', 'unavailable' or 'bad-request'. It does not read a too large body to its
 * end.
 */
export async function readJson(
  request: Request,
  bytesMax: number,
  { held, turn }: { readonly held: Held; readonly turn: () => Promise<void> },
): Promise<unknown> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? ''))
    throw new Refusal('unsupported-media-type', 'send the body as application/json')
  if (Number(request.headers.get('content-length')) > bytesMax) throw tooLarge(bytesMax)
  const bytes = await read(request.body, bytesMax, held)
  await turn()
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new Refusal('bad-request', 'the body is not JSON')
  }
}

/** Throws Refusal 'too-large', 'unavailable' or 'timed-out'. */
export async function readBytes(request: Request, bytesMax: number, held: Held): Promise<Uint8Array> {
  if (Number(request.headers.get('content-length')) > bytesMax) throw tooLarge(bytesMax)
  return read(request.body, bytesMax, held)
}

async function read(
  body: ReadableStream<Uint8Array> | null,
  bytesMax: number,
  held: Held,
): Promise<Uint8Array> {
  if (!body) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read().catch(brokenOff)
    if (done) return Buffer.concat(chunks)
    length += value.length
    if (length > bytesMax) throw tooLarge(bytesMax)
    if (!held.hold(value.length)) throw noRoom()
    chunks.push(value)
  }
}

function brokenOff(cause: unknown): never {
  throw new Refusal('timed-out', 'the body broke off, or did not come in time', undefined, { cause })
}

function noRoom(): Refusal {
  return new Refusal('unavailable', 'the server has no room for the body at the moment', 'Try again.')
}

function tooLarge(bytesMax: number): Refusal {
  return new Refusal('too-large', `a body has at most ${bytesMax} bytes`)
}
