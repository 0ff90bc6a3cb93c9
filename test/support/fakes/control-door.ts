// The control door of a fake that is a process of its own: a test tells it what goes wrong, and asks what it has seen. Loopback only;
// it protects nothing.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

/**
 * Serves `POST /COMMAND` with a body in JSON by `act`, whose error becomes a 400. Returns the door's address. The process ends when
 * its standard input does.
 */
export async function openControlDoor(
  act: (command: string, body: Record<string, unknown>) => unknown,
): Promise<string> {
  const door = createServer((request, response) => {
    void json(request)
      .then((body) => act(request.url?.slice(1) ?? '', body as Record<string, unknown>))
      .then(
        (body) => ({ status: 200, body }),
        (error: unknown) => ({ status: 400, body: { error: String(error) } }),
      )
      .then(({ status, body }) => response.writeHead(status).end(JSON.stringify(body ?? null)))
  })
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  process.on('SIGTERM', () => process.exit(0))
  process.stdin.on('end', () => process.exit(0)).resume()
  return `http://127.0.0.1:${(door.address() as AddressInfo).port}`
}
