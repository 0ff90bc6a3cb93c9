// Where the browser comes back to after a login: any program or page of the machine may ask there, and only the answer of this login
// counts.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { openLoopback } from '../../../../src/features/login/commands/loopback.ts'
import type { World } from '../../../../src/doors/cli/world.ts'

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

test(
  'a connection that a browser opened in advance does not keep the command from ending',
  { timeout: 30_000 },
  async (t) => {
    const module = path.resolve(import.meta.dirname, '../../../../src/features/login/commands/loopback.ts')
    const script = `import { openLoopback } from ${JSON.stringify(module)}
    const { stdin, stderr } = process
    const loopback = await openLoopback({ stdin, stderr }, 0)
    console.log(loopback.redirectUri)
    const { tell } = await loopback.came('mine')
    tell('You are logged in.')
    await loopback[Symbol.asyncDispose]()`
    const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script]
    const child = spawn(process.execPath, flags, { stdio: ['pipe', 'pipe', 'inherit'] })
    t.after(() => child.kill('SIGKILL'))
    const [redirectUri] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    const idle = connect(Number(new URL(redirectUri).port), '127.0.0.1')
    t.after(() => idle.destroy())
    await once(idle, 'connect')
    assert.match(await ask(redirectUri, '/callback?code=1&state=mine'), /You are logged in\./)
    if (child.exitCode === null) await once(child, 'exit')
    assert.equal(child.exitCode, 0)
  },
)
