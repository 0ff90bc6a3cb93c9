// Serves the console's files on the listener of the admin API. Every path that is no API and no file is one of its pages,
// so that people can share where they are. The policy lets a page load only its own files and speak only to this server.

import type { Hono } from 'hono'
import type { HttpBindings } from '@hono/node-server'

export interface ConsoleFile {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The value of Content-Type. */
  readonly type: string
}

/** By path: `/` is the page itself. */
export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>

/** `undefined`: it is being built, which a checkout does after its start. A string says why there is none. */
export type Console = () => ConsoleFiles | string | undefined

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

/** The values of a request that the application and the console share. */
export interface Env {
  Bindings: HttpBindings
  Variables: { requestId: string; route: string; policy: string }
}

/** To be added after all routes of the API. */
export function addConsole(app: Hono<Env>, files: Console): void {
  app.get('*', async (c, next) => {
    if (/^\/(?:api|health|metrics)(?:\/|$)/.test(c.req.path)) return next()
    c.set('policy', consolePolicy)
    c.header('Referrer-Policy', 'no-referrer')
    c.header('Cross-Origin-Opener-Policy', 'same-origin')
    const found = files()
    if (found === undefined) {
      c.header('Refresh', '1')
      return c.text('The console is being built. This page looks again in a second.', 503)
    }
    if (typeof found === 'string') return c.text(found, 503)
    const file = found.get(c.req.path) ?? (c.req.path.startsWith('/assets/') ? undefined : found.get('/'))
    return file ? c.body(file.bytes, 200, { 'Content-Type': file.type }) : next()
  })
}
