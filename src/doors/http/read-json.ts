// Reads the body of a request, up to a bound, and parses JSON.

import { Refusal } from '../../base/refusal.ts'
import type { HeldBytes } from '../admission/budget.ts'

/** The memory for the bytes. */
type Held = Pick<HeldBytes, 'hold'>
type Bytes = Uint8Array<ArrayBuffer>

/** The bytes of a body that should be JSON. Throws as `readBytes`, and Refusal 'unsupported-media-type'. */
export async function readJson(request: Request, bytesMax: number, held: Held): Promise<Bytes> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? ''))
    throw new Refusal('unsupported-media-type', 'send the body as application/json')
  return readBytes(request, bytesMax, held)
}

/** Throws Refusal 'bad-request'. It cannot be interrupted. */
export function parsedJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new Refusal('bad-request', 'the body is not JSON')
  }
}

/** Throws Refusal 'too-large', 'unavailable' or 'timed-out'. It does not read a too large body to its end. */
export async function readBytes(request: Request, bytesMax: number, held: Held): Promise<Bytes> {
  if (Number(request.headers.get('content-length')) > bytesMax) throw tooLarge(bytesMax)
  return read(request.body, bytesMax, held)
}

async function read(body: ReadableStream<Uint8Array> | null, bytesMax: number, held: Held): Promise<Bytes> {
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
