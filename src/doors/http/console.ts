// Serves the console's files on the listener of the admin API. Every path that is no API and no file is one of its pages,
// so that people can share where they are. The policy lets a page load only its own files and speak only to this server.

import type { Hono } from 'hono'
import { answerDocument, publicDocument, type Env, type PublicDocument } from './documents.ts'

export interface ConsoleFile {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The value of Content-Type. */
  readonly type: string
}

/** By path: `/` is the page itself. */
export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>

/** A checkout builds them first. Rejects if they cannot be had. */
export type Console = () => Promise<ConsoleFiles>

const consolePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // The style sheet has its icons in itself.
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

/** To be added after all routes of the API. */
export function addConsole(app: Hono<Env>, files: Console): void {
  const documents = new WeakMap<ConsoleFile, Promise<PublicDocument>>()
  const documentOf = (file: ConsoleFile) => {
    const document = documents.get(file) ?? publicDocument(file.bytes, file.type)
    documents.set(file, document)
    return document
  }
  app.get('*', async (c, next) => {
    if (/^\/(?:api|health|metrics)(?:\/|$)/.test(c.req.path)) return next()
    c.set('policy', consolePolicy)
    c.header('Referrer-Policy', 'no-referrer')
    c.header('Cross-Origin-Opener-Policy', 'same-origin')
    const built = await files()
    const file = built.get(c.req.path) ?? (c.req.path.startsWith('/assets/') ? undefined : built.get('/'))
    if (!file) return next()
    const answer = answerDocument(c, await documentOf(file))
    // A browser that goes back must not show a page as it was before a logout.
    if (file === built.get('/')) c.set('cache', 'no-store')
    return answer
  })
}
