// A client still gets a connection to the admin API while somebody else holds as many as he can: silent TCP connections, open TLS
// connections without a request, and connections from several addresses.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { ConnectionSlots } from '../../../src/doors/admission/admin-connection-slots.ts'
import { adminHandshakeTimeoutMs } from '../../../src/doors/http/server.ts'
import { startDoor, type TestDoor } from '../../support/admin-door.ts'
import { idleAdmin } from '../../support/attacks/idle-admin.ts'

test('300 idle connections leave /health/live answering', async (t) => {
  const crowded = Promise.withResolvers<void>()
  const door = await startDoor({ onDisplaced: crowded.resolve })
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

test('one address gets so many connections; the oldest without a request gives way, one that asks does not', () => {
  const slots = new ConnectionSlots<string>({ max: 100, perSubnetMax: 3 })
  assert.equal(slots.add('a1', 'a'), undefined)
  assert.equal(slots.add('a2', 'a'), undefined)
  assert.equal(slots.add('a3', 'a'), undefined)
  assert.equal(slots.add('b1', 'b'), undefined)
  slots.began('a1')
  assert.equal(slots.add('a4', 'a'), 'a2')
  slots.remove('a2')
  slots.began('a3')
  slots.began('a4')
  assert.equal(slots.add('a5', 'a'), 'a5', 'where all are asking, the newcomer is turned away')
  slots.remove('a5')
  slots.ended('a3')
  slots.ended('a1')
  assert.equal(slots.add('a6', 'a'), 'a3', 'one that has asked gives way after it was answered')
})

test('one that has asked gives way after those that never did', () => {
  const slots = new ConnectionSlots<string>({ max: 100, perSubnetMax: 2 })
  slots.add('asked', 'a')
  slots.began('asked')
  slots.ended('asked')
  slots.add('silent', 'a')
  assert.equal(slots.add('newcomer', 'a'), 'silent')
})

test('when all places are taken, the address that holds most gives one up, and no smaller one does', () => {
  const slots = new ConnectionSlots<string>({ max: 5, perSubnetMax: 4 })
  for (const name of ['a1', 'a2', 'a3']) slots.add(name, 'a')
  for (const name of ['b1', 'b2']) slots.add(name, 'b')
  assert.equal(slots.add('c1', 'c'), 'a1')
  slots.remove('a1')
  for (const name of ['a2', 'a3', 'b1', 'b2']) slots.began(name)
  assert.equal(slots.add('d1', 'd'), 'c1', 'those that are asking stay')
  slots.remove('c1')
  assert.equal(slots.add('b3', 'b'), 'b3', 'b would hold most, and cannot take from d')
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
  if (!socket.closed) await once(socket, 'close')
}
