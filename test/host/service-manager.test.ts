// What systemd learns: the server is ready once, and the watchdog gets a sign only after a handshake with the server succeeded.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { test } from 'node:test'
import { readServiceManager } from '../../src/outside/config/environment.ts'
import { handshake, ServiceManager } from '../../src/host/service-manager.ts'
import { MovableClock } from '../support/time/movable-clock.ts'
import { startEmbedded } from '../support/server/server.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

function listening(watchdogMs: number | null, answers: () => Promise<void> = async () => {}) {
  const clock = new MovableClock()
  const sent: string[][] = []
  let heard = Promise.withResolvers<void>()
  const send = async (...fields: readonly string[]): Promise<void> => {
    sent.push([...fields])
    heard.resolve()
    heard = Promise.withResolvers()
  }
  const manager = new ServiceManager({ send, answers, watchdogMs, clock, log: silent })
  return { clock, sent, manager, next: () => heard.promise }
}

test('ready, a sign three times in the time of the watchdog, and stopping', async () => {
  const { clock, sent, manager, next } = listening(90_000)
  await manager.ready('127.0.0.1:5696')
  assert.deepEqual(sent, [['READY=1', 'STATUS=serves KMIP on 127.0.0.1:5696']])
  for (let signs = 1; signs <= 3; signs++) {
    const sign = next()
    clock.pass(30_000)
    await sign
    assert.equal(sent.length, 1 + signs)
    assert.deepEqual(sent.at(-1), ['WATCHDOG=1'])
  }
  await manager.stopping()
  clock.pass(90_000)
  assert.deepEqual(sent.at(-1), ['STOPPING=1'])
})

test('no sign while the server does not answer, and again once it does', async () => {
  let answers = false
  const asked: Promise<void>[] = []
  const look = (): Promise<void> => {
    const looked = answers ? Promise.resolve() : Promise.reject(new Error('it hangs'))
    asked.push(looked)
    return looked
  }
  const { clock, sent, manager, next } = listening(90_000, look)
  await manager.ready('127.0.0.1:5696')
  clock.pass(30_000)
  await Promise.allSettled(asked)
  answers = true
  const sign = next()
  clock.pass(30_000)
  await sign
  assert.equal(asked.length, 2)
  assert.deepEqual(sent.slice(1), [['WATCHDOG=1']])
})

test('without a watchdog nobody looks', async () => {
  const { clock, manager } = listening(null, () => assert.fail('it was asked'))
  await manager.ready('127.0.0.1:5696')
  clock.pass(3600_000)
})

test('a handshake succeeds with a server, and not with one that accepts and says nothing', async (t) => {
  await using server = await startEmbedded()
  await handshake(`127.0.0.1:${server.kmip.port}`, false, 60_000)
  await handshake(`127.0.0.1:${server.kmip.port}`, true, 60_000)
  const mute = createServer(() => {}).listen(0, '127.0.0.1')
  t.after(() => mute.close())
  await once(mute, 'listening')
  await assert.rejects(handshake(`127.0.0.1:${portOf(mute)}`, false, 20), /no handshake within 20 ms/)
  const closing = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  t.after(() => closing.close())
  await once(closing, 'listening')
  await assert.rejects(
    handshake(`127.0.0.1:${portOf(closing)}`, true, 60_000),
    /closed|disconnected|ECONNRESET/,
  )
})

test('a handshake succeeds where connections of this machine begin with the header of a load balancer', async () => {
  await using server = await startEmbedded({ env: { MORTISE_KMIP_PROXY_PROTOCOL_FROM: '127.0.0.0/8' } })
  await handshake(`127.0.0.1:${server.kmip.port}`, true, 60_000)
})

test('systemd says in variables what it expects, of one process', () => {
  const NOTIFY_SOCKET = '/run/systemd/notify'
  assert.deepEqual(readServiceManager({}), { socket: null, watchdogMs: null })
  const watched = { NOTIFY_SOCKET, WATCHDOG_USEC: '90000000', WATCHDOG_PID: '7' }
  assert.deepEqual(readServiceManager(watched, 7), { socket: NOTIFY_SOCKET, watchdogMs: 90_000 })
  assert.deepEqual(readServiceManager(watched, 8), { socket: NOTIFY_SOCKET, watchdogMs: null })
  assert.deepEqual(readServiceManager({ WATCHDOG_USEC: '90000000' }), { socket: null, watchdogMs: null })
})

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
