// Reads the body of a request, as JSON or as bytes, up to a bound.

import { Refusal } from '../../base/refusal.ts'

/**
 * Throws Refusal 'unsupported-media-type', 'too-large' or 'bad-request'. It does not read a too large body to its
 * end.
 */
export async function readJson(request: Request, bytesMax: number): Promise<unknown> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? ''))
    throw new Refusal('unsupported-media-type', 'send the body as application/json')
  if (Number(request.headers.get('content-length')) > bytesMax) throw tooLarge(bytesMax)
  const bytes = await read(request.body, bytesMax)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new Refusal('bad-request', 'the body is not JSON')
  }
}

/** Throws Refusal 'too-large' or 'timed-out'. */
export async function readBytes(request: Request, bytesMax: number): Promise<Uint8Array> {
  if (Number(request.headers.get('content-length')) > bytesMax) throw tooLarge(bytesMax)
  return read(request.body, bytesMax)
}

async function read(body: ReadableStream<Uint8Array> | null, bytesMax: number): Promise<Uint8Array> {
  if (!body) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read().catch(brokenOff)
    if (done) return Buffer.concat(chunks)
    length += value.length
    if (length > bytesMax) throw tooLarge(bytesMax)
    chunks.push(value)
  }
}

function brokenOff(cause: unknown): never {
  throw new Refusal('timed-out', 'the body broke off, or did not come in time', undefined, { cause })
}

function tooLarge(bytesMax: number): Refusal {
  return new Refusal('too-large', `a body has at most ${bytesMax} bytes`)
}
