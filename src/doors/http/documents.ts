// The documents that need no token: the description of the API and the files of the console. Each is encoded and compressed
// once. A client that has it asks whether it still holds, by its ETag. Nothing else is compressed: the length of a compressed
// answer says something of the secrets in it.

import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Context } from 'hono'
import type { HttpBindings } from '@hono/node-server'
import type { HeldBytes } from '../admission/budget.ts'
import type { ApiRequester } from './route-request.ts'
import type { RequestTurns } from './turns.ts'

/** The values of a request that the application and the console share. `asker`: undefined until it is known. */
export interface Env {
  Bindings: HttpBindings
  Variables: {
    requestId: string
    route: string
    /** The values of the headers Content-Security-Policy and Cache-Control. */
    policy: string
    cache: string
    asker: ApiRequester | undefined
    turns: RequestTurns
    /** The subnet of the client, and the memory for the body. */
    held: { readonly subnet: string; readonly bytes: HeldBytes }
  }
}

export interface PublicDocument {
  readonly type: string
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly gzipped: Uint8Array<ArrayBuffer>
  /** Weak, since the compressed bytes are others. */
  readonly etag: string
}

/** `type`: the value of Content-Type. Compresses on another thread. */
export async function publicDocument(bytes: Uint8Array<ArrayBuffer>, type: string): Promise<PublicDocument> {
  const etag = `W/"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
  return { type, bytes, gzipped: await promisify(gzip)(bytes), etag }
}

export function answerDocument(c: Context<Env>, { type, bytes, gzipped, etag }: PublicDocument): Response {
  c.set('cache', 'no-cache')
  c.header('ETag', etag)
  c.header('Vary', 'Accept-Encoding')
  const known = (c.req.header('if-none-match') ?? '').split(',').map((tag) => tag.trim())
  if (known.includes(etag)) return c.body(null, 304)
  c.header('Content-Type', type)
  if (!takesGzip(c.req.header('accept-encoding') ?? '')) return c.body(bytes)
  c.header('Content-Encoding', 'gzip')
  return c.body(gzipped)
}

/** RFC 9110 §12.5.3. */
function takesGzip(accepted: string): boolean {
  return accepted.split(',').some((coding) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(coding))
}
