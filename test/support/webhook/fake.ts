// A receiver of webhooks on loopback, which keeps what it was sent.

import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'

interface Asked {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Answers everything alike, until the test ends. */
export async function startWebhook(t: TestContext, status: number, headers: Record<string, string> = {}) {
  const asked: Asked[] = []
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    asked.push({ headers: request.headers, body: await text(request) })
    response.writeHead(status, headers).end('answer')
  }
  const server = createServer((request, response) => void take(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` }
}
