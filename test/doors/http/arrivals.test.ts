// Handshakes with the admin API take turns: those of strangers within their share, those of an administrator's subnet at once.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { TcpNetConnectOpts } from 'node:net'
import { test } from 'node:test'
import { connect, type ConnectionOptions } from 'node:tls'
import { Admission } from '../../../src/doors/admission/admission.ts'
import { startDoor } from '../../support/server/admin-door.ts'
import { until } from '../../support/time/until.ts'

const debtMs = 500

test('strangers wait while their share is used up; the subnet of a valid token does not', async (t) => {
  let nowMs = 0
  const admission = new Admission({ now: () => nowMs, limits: { timeDebtMaxMs: debtMs } })
  const door = await startDoor({ admission })
  t.after(() => door.close())
  const token = await door.token('viewer')
  const asks = async () => (await door.ask('GET', '/api/v1/whoami', { token })).status
  assert.equal(await asks(), 200)
  admission.credit.new.spend(10 * debtMs + 10_000)
  const options: ConnectionOptions & TcpNetConnectOpts = {
    host: '127.0.0.1',
    port: door.port,
    localAddress: '127.0.0.9',
    ca: door.authorityPem,
  }
  const stranger = connect(options)
  t.after(() => stranger.destroy())
  let isOpen = false
  const opened = once(stranger, 'secureConnect').then(() => (isOpen = true))
  await until(() => admission.arrivals.waiting === 1, 'the stranger waits for its turn')
  for (let asked = 0; asked < 3; asked++) assert.equal(await asks(), 200)
  assert.equal(isOpen, false)
  assert.equal(admission.arrivals.waiting, 1)
  // Another arrival has the queue look again.
  nowMs += 60_000
  assert.equal(await asks(), 200)
  await opened
})

test('a peer that leaves while it waits for its turn leaves nothing behind', async (t) => {
  const admission = new Admission({ now: () => 0 })
  const door = await startDoor({ admission })
  t.after(() => door.close())
  admission.credit.new.spend(100_000)
  const options = { host: '127.0.0.1', port: door.port, rejectUnauthorized: false }
  const stranger = connect(options)
  stranger.on('error', () => {})
  await until(() => admission.arrivals.waiting === 1, 'it waits')
  stranger.destroy()
  await until(() => admission.arrivals.waiting === 0, 'it is forgotten')
  assert.equal(admission.arrivals.active, 0)
})
