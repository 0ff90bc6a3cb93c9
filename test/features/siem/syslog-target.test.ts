// The connection to a receiver of syslog, which is real; the clock is the test's.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import {
  siemProofMs,
  siemProofMsMax,
  siemSettleMs,
  siemStallMs,
} from '../../../src/features/siem/syslog-target.ts'
import { issueClient, issueServer, privateKeyPem, type SigningIdentity } from '../../../src/core/pki/issue.ts'
import type { PlacedEntry } from '../../../src/core/ports/audit.ts'
import { jsonLine } from '../../../src/features/siem/syslog-message.ts'
import { syslogTarget, type SyslogOptions } from '../../../src/features/siem/syslog-target.ts'
import type { TargetSession } from '../../../src/features/siem/target.ts'
import { testAuthority } from '../../support/certificates/certificates.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { SyslogReceiver } from '../../support/syslog/receiver.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-syslog-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const running = new AbortController().signal
const noFiles = { ca: null, certificate: null, key: null }

const entry = (place: number, filler = ''): PlacedEntry => ({
  place,
  writer: 'w',
  number: place,
  hash: 'ab',
  body: JSON.stringify({ writer: 'w', number: place, atMs: 0, action: 'key.get', result: 'success', filler }),
})

async function listening(t: TestContext, receiver: SyslogReceiver): Promise<number> {
  const port = await receiver.listen()
  t.after(() => receiver.stop())
  return port
}

function targetOn(port: number, clock: MovableClock, more: Partial<SyslogOptions> = {}) {
  return syslogTarget({
    place: { host: '127.0.0.1', port, tls: more.files !== undefined },
    files: noFiles,
    source: { host: 'kms', process: 1 },
    textOf: jsonLine,
    clock,
    ...more,
  })
}

/** Looks until the receiver has proved that it read everything, then lets the time pass that makes it sure. */
async function settled(session: TargetSession, clock: MovableClock, place: number): Promise<void> {
  while ((await session.taken()) < place) {
    clock.pass(siemSettleMs / 10)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('an entry is taken once the receiver has read it, and the next connection has lasted', async (t) => {
  const receiver = new SyslogReceiver()
  const clock = new MovableClock()
  const session = await targetOn(await listening(t, receiver), clock).open(running)
  await session.send([entry(1), entry(2)])
  await receiver.until((messages) => messages.length === 2)
  assert.deepEqual(
    receiver.messages.map(({ number }) => number),
    [1, 2],
  )
  assert.equal(await session.taken(), 0, 'the receiver may not have stored it yet')
  await settled(session, clock, 2)
  assert.equal(await session.taken(), 2)
  assert.equal(receiver.connections, 2)
  await session.close()
})

test('what a receiver never read is not taken, although its machine has acknowledged it', async () => {
  for (const how of ['hangs', 'is killed'] as const) {
    const receiver = new SyslogReceiver()
    receiver.pause()
    const clock = new MovableClock()
    const port = await receiver.listen()
    const session = await targetOn(port, clock).open(running)
    await session.send([entry(1)])
    clock.pass(siemProofMs)
    const looking = session.taken()
    looking.catch(() => {})
    await receiver.until(() => receiver.connections === 2)
    if (how === 'hangs') {
      const passing = setInterval(() => clock.pass(1_000), 1)
      await assert.rejects(looking, /the receiver does not read what it takes/)
      clearInterval(passing)
      await receiver.stop()
    } else {
      await receiver.stop()
      await assert.rejects(looking, /closed the connection|ECONNRESET/)
    }
    await session.close()
  }
})

test('a receiver that dies just after it has read everything gets it again', async () => {
  const receiver = new SyslogReceiver()
  const clock = new MovableClock()
  const session = await targetOn(await receiver.listen(), clock).open(running)
  await session.send([entry(1)])
  clock.pass(siemProofMs)
  assert.equal(await session.taken(), 0)
  clock.pass(siemSettleMs - 1)
  await receiver.stop()
  await assert.rejects(settled(session, new MovableClock(), 1), /closed the connection|ECONNRESET/)
  await session.close()
})

test('while there is always something to send, proofs become rarer, and entries stay in order', async (t) => {
  const receiver = new SyslogReceiver()
  const clock = new MovableClock()
  const session = await targetOn(await listening(t, receiver), clock).open(running)
  const seconds = 120
  for (let second = 1; second <= seconds; second++) {
    await session.send([entry(second)])
    clock.pass(1_000)
    await session.taken()
  }
  await settled(session, clock, seconds)
  assert.deepEqual(
    receiver.messages.map(({ number }) => number),
    Array.from({ length: seconds }, (_, index) => index + 1),
  )
  // 1, 2, 4, 8, 16, then every 30 seconds.
  const { connections } = receiver
  assert.ok(connections >= 7 && connections <= 11, `${connections} connections`)
  clock.pass(siemProofMsMax)
  await session.taken()
  await session.send([entry(seconds + 1)])
  clock.pass(siemProofMs)
  await session.taken()
  assert.equal(receiver.connections, connections + 1, 'after a pause the first proof comes soon')
  await session.close()
})

test('a receiver that goes away ends the session, and what it had not settled is not taken', async () => {
  const receiver = new SyslogReceiver()
  const session = await targetOn(await receiver.listen(), new MovableClock()).open(running)
  await session.send([entry(1)])
  await receiver.until((messages) => messages.length === 1)
  await receiver.stop()
  await assert.rejects(settled(session, new MovableClock(), 1), /closed the connection|ECONNRESET/)
  await assert.rejects(session.send([entry(2)]))
  await session.close()
})

test('a receiver that takes nothing ends the session after a while', async (t) => {
  const receiver = new SyslogReceiver()
  const clock = new MovableClock()
  const session = await targetOn(await listening(t, receiver), clock).open(running)
  receiver.pause()
  const large = Array.from({ length: 200 }, (_, index) => entry(index + 1, 'x'.repeat(100_000)))
  const sending = session.send(large)
  sending.catch(() => {})
  clock.pass(siemStallMs)
  await assert.rejects(sending, /^Error: the receiver takes nothing$/)
})

test('a server that stops waits neither for a handshake nor for a receiver that takes nothing', async (t) => {
  const silent = new SyslogReceiver()
  silent.pause()
  const port = await listening(t, silent)
  const stopping = new AbortController()
  const opening = targetOn(port, new MovableClock(), { files: { ...noFiles } }).open(stopping.signal)
  const session = await targetOn(port, new MovableClock()).open(stopping.signal)
  const large = Array.from({ length: 200 }, (_, index) => entry(index + 1, 'x'.repeat(100_000)))
  const sending = session.send(large)
  stopping.abort()
  await assert.rejects(opening, /closed the connection/)
  await assert.rejects(sending, /closed the connection|ECANCELED/)
  await assert.rejects(session.taken(), /closed the connection|ECANCELED/)
})

test('over TLS the receiver must have a certificate of the CA, and may ask for one', async (t) => {
  const { ca, server, client } = await identities()
  const tls = { ...server, ca, requestCert: true, rejectUnauthorized: true }
  const port = await listening(t, new SyslogReceiver(tls))
  const files = { ca: path.join(folder, 'ca.pem'), certificate: client.cert, key: client.key }
  const clock = new MovableClock()
  const session = await targetOn(port, clock, { files }).open(running)
  await session.send([entry(1)])
  await settled(session, clock, 1)
  await session.close()
  const nameless = await targetOn(port, clock, { files: { ...noFiles, ca: files.ca } }).open(running)
  await assert.rejects(
    settled(nameless, clock, 1),
    /^Error: it asks for a certificate: name one in \S+ and \S+ \([ \w]+\)$/,
  )
  await assert.rejects(
    targetOn(port, new MovableClock(), { files: { ...files, ca: null } }).open(running),
    /^Error: its certificate is not trusted: name the CA that issued it in siem\.caFile/,
  )
})

test('each way to fail says what to do', async (t) => {
  const closed = new SyslogReceiver()
  const port = await closed.listen()
  await closed.stop()
  const clock = new MovableClock()
  await assert.rejects(targetOn(port, clock).open(running), /nothing listens there: start the receiver/)
  const plain = await listening(t, new SyslogReceiver())
  const files = { ...noFiles, ca: '/nowhere/ca.pem' }
  await assert.rejects(
    targetOn(plain, clock, { files }).open(running),
    /a file that siem names does not exist/,
  )
})

async function identities() {
  const authority = await testAuthority()
  const nowMs = Date.now()
  const server = await issueServer({ ca: authority, names: ['127.0.0.1'], nowMs })
  const client = await issueClient({ ca: authority, commonName: 'mortise', nowMs })
  const ca = authority.certificate.pem
  writeFileSync(path.join(folder, 'ca.pem'), ca)
  return { ca, server: pemOf(server), client: written(client) }
}

function pemOf({ certificate, privateKey }: SigningIdentity) {
  return { cert: certificate.pem, key: privateKeyPem(privateKey) }
}

function written(identity: SigningIdentity) {
  const files = { cert: path.join(folder, 'client.pem'), key: path.join(folder, 'client.key') }
  const pem = pemOf(identity)
  writeFileSync(files.cert, pem.cert)
  writeFileSync(files.key, pem.key, { mode: 0o600 })
  return files
}
