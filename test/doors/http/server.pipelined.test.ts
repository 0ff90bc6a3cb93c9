// Requests that a client of the admin API sends one behind the other, without waiting for an answer.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { adminRequestsPipelinedMax } from '../../../src/doors/http/server.ts'
import { startDoor } from '../../support/server/admin-door.ts'

const requests = (path: string, count: number) =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(count)

test('somebody who reads no answer gets few of them, and the connection ends', async (t) => {
  let answered = 0
  const door = await startDoor({ onAnswer: () => answered++ })
  t.after(() => door.close())
  const stranger = connect({ host: '127.0.0.1', port: door.port, ca: door.authorityPem })
  stranger.on('error', () => {})
  await once(stranger, 'secureConnect')
  stranger.write(requests('/api/openapi.json', 300))
  await ended(stranger)
  assert.ok(answered <= adminRequestsPipelinedMax, `${answered} were answered`)
})

test('a few requests at once are answered in their order, and so is each that waits for the one before', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  const client = connect({ host: '127.0.0.1', port: door.port, ca: door.authorityPem })
  t.after(() => client.destroy())
  await once(client, 'secureConnect')
  let said = ''
  client.setEncoding('latin1').on('data', (part: string) => (said += part))
  const answers = async (count: number) => {
    while (said.split('{"live":true}').length <= count) await once(client, 'data')
  }
  client.write(requests('/health/live', adminRequestsPipelinedMax))
  await answers(adminRequestsPipelinedMax)
  for (let more = 1; more <= 20; more++) {
    client.write(requests('/health/live', 1))
    await answers(adminRequestsPipelinedMax + more)
  }
})

async function ended(socket: TLSSocket): Promise<void> {
  socket.resume()
  if (!socket.closed) await once(socket, 'close')
}
