// Where the browser comes back to after a login: a port of this machine (RFC 8252 §7.3), open for one login. A person whose
// browser is elsewhere pastes the address at which it ends.

import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { CommandError, type World } from '../../../doors/cli/world.ts'

export interface Loopback extends AsyncDisposable {
  readonly redirectUri: string
  /**
   * The query with which the browser comes back to a login with this state, or the one that is pasted. What comes with another
   * state is not of this login: any page may send a browser here.
   */
  came(state: string): Promise<Came>
}

export interface Came {
  readonly answer: string
  /** Shown in the browser, if it came by itself. */
  readonly tell: (text: string) => void
}

/** `port` 0: a free one. */
export async function openLoopback({ stdin, stderr }: World, port: number): Promise<Loopback> {
  const server = createServer()
  // Browsers open connections in advance, and keep them: those must not keep the command from ending.
  server.on('connection', (socket) => socket.unref())
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new CommandError(`the port ${port} of this machine cannot be used: ${error.message}`)),
    )
    server.listen(port, '127.0.0.1', resolve)
  })
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`
  const lines = createInterface({ input: stdin })
  return {
    redirectUri,
    came: (state) =>
      new Promise((resolve) => {
        server.on('request', (request, response) => {
          const url = URL.parse(request.url ?? '', redirectUri)
          const answer = url && answerOf(url, { redirectUri, state })
          if (typeof answer !== 'string') say(response, 404, 'This is not the login that waits here.')
          else resolve({ answer, tell: (text) => say(response, 200, text) })
        })
        lines.on('line', (line) => {
          if (line.trim() === '') return
          const url = URL.parse(line.trim())
          const answer = url && answerOf(url, { redirectUri, state })
          if (typeof answer === 'string') resolve({ answer, tell: () => undefined })
          else stderr.write(`That is not the address where this login ends; it begins with ${redirectUri}?\n`)
        })
      }),
    [Symbol.asyncDispose]: async () => {
      lines.close()
      server.close()
      server.closeIdleConnections()
    },
  }
}

function answerOf(
  url: URL,
  { redirectUri, state }: { readonly redirectUri: string; readonly state: string },
): string | undefined {
  const isHere = `${url.origin}${url.pathname}` === redirectUri
  return isHere && url.searchParams.get('state') === state ? url.search : undefined
}

/** Plain text: the message may hold a name that a stranger chose. */
function say(response: ServerResponse, status: number, text: string): void {
  const headers = {
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
    Connection: 'close',
  }
  response.writeHead(status, headers).end(`${text}\n`)
}
