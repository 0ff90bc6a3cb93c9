// A client still gets a connection to the admin API while somebody else holds as many as he can: silent TCP connections, open TLS
// connections without a request, and connections from several addresses.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { adminHandshakeTimeoutMs } from '../../../src/doors/http/server.ts'
import { startDoor, type TestDoor } from '../../support/server/admin-door.ts'
import { idleAdmin } from '../../support/attacks/idle-admin.ts'

test('300 idle connections leave /health/live answering', async (t) => {
  const crowded = Promise.withResolvers<void>()
  const metrics = { requests: { observe: () => {} }, connectionsDisplaced: { inc: crowded.resolve } }
  const door = await startDoor({ metrics })
  t.after(() => door.close())
  const stop = new AbortController()
  const attack = idleAdmin(targetOf(door), stop.signal)
  await crowded.promise
  for (let asked = 0; asked < 20; asked++) {
    const answer = await door.ask('GET', '/health/live')
    assert.equal(answer.status, 200)
  }
  stop.abort()
  await attack
})

test('a connection that sends nothing is closed soon, before TLS and before its first request', async (t) => {
  const door = await startDoor({ handshakeTimeoutMs: 100, requestTimeoutMs: 100 })
  t.after(() => door.close())
  const silent = connectTcp({ host: '127.0.0.1', port: door.port })
  const secured = connectTls({ host: '127.0.0.1', port: door.port, ca: door.authorityPem })
  for (const socket of [silent, secured]) socket.resume().on('error', () => {})
  await Promise.all([closed(silent), closed(secured)])
})

test('idle connections do not hold up a stop', async () => {
  const door = await startDoor()
  const silent = connectTcp({ host: '127.0.0.1', port: door.port })
  const secured = connectTls({ host: '127.0.0.1', port: door.port, ca: door.authorityPem })
  for (const socket of [silent, secured]) socket.resume().on('error', () => {})
  await Promise.all([once(silent, 'connect'), once(secured, 'secureConnect')])
  const began = performance.now()
  await Promise.all([door.close(), closed(silent), closed(secured)])
  assert(performance.now() - began < adminHandshakeTimeoutMs / 2)
})

function targetOf({ port }: TestDoor) {
  const admin = { host: '127.0.0.1', port }
  return {
    admin,
    kmip: admin,
    kmipHttps: undefined,
    neighbours: [{ cert: '', key: '' }],
    viewerToken: undefined,
  }
}

async function closed(socket: Socket): Promise<void> {
  // A reset is an end too.
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
}
