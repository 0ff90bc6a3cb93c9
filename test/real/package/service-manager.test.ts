// Runs alone: it counts on signs within the time of a watchdog.
//
// The real systemd-notify tells a socket of the test what systemd would hear: that the server serves, that it lives, that it stops.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { startServer } from '../../support/server/server.ts'
import { skipOrFail } from '../../support/server/skip.ts'

/** Prints each datagram on one line. What is sent with it is closed, which is what systemd-notify waits for. */
const receiver = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    print(s.recv(65536).decode().replace("\\n", " "), flush=True)
`

test('systemd hears that the server serves, lives and stops', { timeout: 300_000 }, async (t) => {
  for (const [program, ...args] of [
    ['systemd-notify', '--version'] as const,
    ['python3', '--version'] as const,
  ])
    if (spawnSync(program, args).status !== 0) return skipOrFail(t, `${program} is needed`)
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-notify-'))
  const socket = path.join(folder, 'notify')
  const child = spawn('python3', ['-c', receiver, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => {
    child.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  /** The next message that is none of systemd-notify's own. */
  const next = async (): Promise<string> => {
    const { value } = (await lines.next()) as { value: string }
    return value.startsWith('BARRIER') ? next() : value
  }
  assert.equal(await next(), 'bound')
  const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: String(3_000_000) }
  await using server = await startServer({ data: path.join(folder, 'data'), env })
  assert.equal(await next(), `READY=1 STATUS=serves KMIP on 127.0.0.1:${server.kmip.port}`)
  for (let signs = 0; signs < 3; signs++) assert.equal(await next(), 'WATCHDOG=1')
  assert.equal(await server.stop(), 0)
  let last = await next()
  while (last === 'WATCHDOG=1') last = await next()
  assert.equal(last, 'STOPPING=1')
})
