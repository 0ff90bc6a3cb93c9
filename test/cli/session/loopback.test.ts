// Where the browser comes back to after a login: any program or page of the machine may ask there, and only the answer of this login
// counts.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { openLoopback } from '../../../src/cli/session/loopback.ts'
import type { World } from '../../../src/cli/world.ts'

/** The answer to a request for this path, which need not be one. */
async function ask(redirectUri: string, path: string): Promise<string> {
  const socket = connect(Number(new URL(redirectUri).port), '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
  return text(socket)
}

test('what is no address, or comes with another state, does not end the wait for the login', async () => {
  const world = { stdin: new PassThrough(), stderr: new PassThrough() } as unknown as World
  await using loopback = await openLoopback(world, 0)
  const { redirectUri } = loopback
  const came = loopback.came('mine')
  for (const path of ['//', 'http://', '//[', '/callback', '/callback?code=1&state=yours', '/?state=mine'])
    assert.match(await ask(redirectUri, path), /^HTTP\/1\.1 404 /, path)
  const asked = ask(redirectUri, '/callback?code=1&state=mine')
  const { answer, tell } = await came
  assert.equal(answer, '?code=1&state=mine')
  tell('You are logged in.')
  assert.match(await asked, /^HTTP\/1\.1 200 [^]*You are logged in\./)
})
