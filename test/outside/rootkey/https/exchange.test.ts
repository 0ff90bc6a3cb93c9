// Answers that are none: whatever a service or a proxy sends, the question ends.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { exchange, NoAnswer, plainAgent } from '../../../../src/outside/rootkey/https/exchange.ts'
import { failsInTime } from '../../../support/time/passing-time.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'

async function ask(t: TestContext, answer: string, clock = new MovableClock()) {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.write(answer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const agent = plainAgent()
  t.after(() => {
    agent.destroy()
    server.close()
  })
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  return exchange({ agent, method: 'GET', url, headers: {}, timeoutMs: 1_000, clock, caVariable: 'CA' })
}

test('a service that would speak another protocol has not answered', async (t) => {
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n'
  const clock = new MovableClock()
  assert.ok((await failsInTime(clock, ask(t, switching, clock))) instanceof NoAnswer)
})

test('what comes before the answer is none', async (t) => {
  const both = 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n'
  assert.equal((await ask(t, both)).status, 204)
})
