// Trials of old servers by managers of one instance: whatever is wrong, the answer is the same after the same time, and few are
// tried. Managers of all instances, and everybody about listed hosts, are told what is wrong.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { before, test, type TestContext } from 'node:test'
import { AdoptionFailed } from '../../../src/features/adopt/failure.ts'
import { OldHosts } from '../../../src/features/adopt/old-hosts.ts'
import type { OldServerRequest } from '../../../src/features/adopt/old-server.ts'
import { UpstreamTrials } from '../../../src/features/adopt/upstream-trial.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { adoptTriesMax, adoptTryMs } from '../../../src/features/adopt/upstream-trial.ts'
import { clientCertificate, type TestIdentity } from '../../support/certificates/certificates.ts'
import { openOldKmipServer, type OldHandlers } from '../../support/old-kmip-server/fake.ts'
import { holding } from '../../support/old-kmip-server/keys.ts'

let identity: TestIdentity
before(async () => void (identity = await clientCertificate('self-signed')))

/** Time stands still until `pass`. */
class Time {
  #now = 0
  readonly #sleeping: { readonly until: number; readonly wake: () => void }[] = []

  monotonic(): number {
    return this.#now
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#sleeping.push({ until: this.#now + ms, wake: resolve })
    signal?.addEventListener('abort', () => resolve())
    await promise
  }

  pass(ms: number): void {
    this.#now += ms
    for (const { until, wake } of this.#sleeping) if (until <= this.#now) wake()
  }
}

function opened(listed: readonly string[] = []) {
  const time = new Time()
  const untold: string[] = []
  const heard = Promise.withResolvers<void>()
  const trials = new UpstreamTrials({
    clock: time,
    hosts: new OldHosts(() => listed),
    onUntold: (error, { instanceId }) => {
      untold.push(`${instanceId}: ${String(error)}`)
      heard.resolve()
    },
  })
  return { trials, time, untold, firstUntold: heard.promise }
}

function wanted(port: number, sha256 = '00'.repeat(32)): OldServerRequest {
  const { cert, key } = identity.tls
  return { servers: [`127.0.0.1:${port}`], cert, key, trust: { by: 'fingerprint', sha256 } }
}

async function listening(t: TestContext, onConnection: (server: Server) => void): Promise<number> {
  const server = createServer()
  onConnection(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function kmip(t: TestContext, handlers: OldHandlers) {
  const server = await openOldKmipServer(handlers)
  t.after(() => server[Symbol.asyncDispose]())
  return server
}

const distrusting: OldHandlers = {
  ...holding([]),
  Get: () => {
    throw new Fault('AuthenticationNotSuccessful', 'who are you?')
  },
}

async function failure(done: Promise<unknown>): Promise<AdoptionFailed> {
  return done.then(
    () => assert.fail('it was usable'),
    (error: unknown) => {
      assert.ok(error instanceof AdoptionFailed, String(error))
      return error
    },
  )
}

test('a manager of one instance is told the same, and only when the time is over, whatever is wrong', async (t) => {
  const other = await kmip(t, distrusting)
  const wrong: readonly (readonly [string, OldServerRequest, RegExp])[] = [
    ['nothing listens', wanted(await closedPort()), /does not answer/],
    [
      'no TLS',
      wanted(await listening(t, (server) => server.on('connection', (socket) => socket.end('SSH')))),
      /./,
    ],
    ['another certificate', wanted(other.port), /not the old server that was named/],
    ['it does not trust', wanted(other.port, other.sha256), /does not say of an unknown identifier/],
  ]
  const told = new Set<string>()
  for (const [what, server, why] of wrong) {
    const { trials, time, untold, firstUntold } = opened()
    let isOver = false
    const done = failure(trials.run(server, 'red')).finally(() => (isOver = true))
    await firstUntold
    time.pass(adoptTryMs - 1)
    await new Promise(setImmediate)
    assert.equal(isOver, false, what)
    time.pass(1)
    const { message, hint, cause } = await done
    told.add(JSON.stringify([message, hint, cause]))
    assert.match(untold.join(), why, what)
    assert.match(untold.join(), /^red: /, 'the log names the instance')
  }
  const silent = await listening(t, () => undefined)
  const { trials, time } = opened()
  const done = failure(trials.run(wanted(silent), 'red'))
  time.pass(adoptTryMs)
  const { message, hint, cause } = await done
  told.add(JSON.stringify([message, hint, cause]))
  assert.equal(told.size, 1, [...told].join('\n'))
})

test('a server that can be used is found at once, and so is what is wrong with the certificate itself', async (t) => {
  const { trials } = opened()
  const good = await kmip(t, holding([]))
  await trials.run(wanted(good.port, good.sha256), 'red')
  const unusable = { ...wanted(good.port), key: 'no key' }
  assert.doesNotMatch((await failure(trials.run(unusable, 'red'))).message, /cannot be used/)
})

test('managers of all instances, and all about listed hosts, are told what is wrong, at once', async () => {
  const port = await closedPort()
  const listed = opened([`127.0.0.1:${port}`])
  for (const [trials, instanceId] of [
    [opened().trials, null],
    [listed.trials, 'red'],
    [listed.trials, null],
  ] as const) {
    assert.match((await failure(trials.run(wanted(port), instanceId))).message, /old server does not answer/)
    assert.equal(trials.before(wanted(port), instanceId), undefined)
  }
  assert.deepEqual(listed.untold, [])
})

test('where hosts are listed, no other one is connected to, whoever asks', async (t) => {
  let connections = 0
  const port = await listening(t, (server) => server.on('connection', () => connections++))
  const { trials } = opened(['kms.example.com'])
  for (const instanceId of [null, 'red']) {
    const refused = await failure(trials.run(wanted(port), instanceId))
    assert.match(refused.message, /127\.0\.0\.1:\d+ is not among the hosts/)
    assert.throws(() => trials.before(wanted(port), instanceId), /is not among the hosts/)
  }
  assert.equal(connections, 0)
})

test('the managers of an instance try few old servers together, and more with time; others are not counted', async (t) => {
  const { trials, time } = opened()
  const good = await kmip(t, holding([]))
  const server = wanted(good.port, good.sha256)
  for (let n = 0; n < adoptTriesMax; n++) await trials.run(server, 'red')
  const asked = good.asked.length
  const spent = await failure(trials.run(server, 'red'))
  assert.match(spent.message, /tried too many old servers/)
  await assert.rejects(trials.before(server, 'red')?.() ?? Promise.resolve(), /tried too many/)
  assert.equal(good.asked.length, asked, 'nothing was sent')
  await trials.run(server, 'blue')
  await trials.run(server, null)
  time.pass(60_000)
  await trials.before(server, 'red')?.()
  assert.match((await failure(trials.run(server, 'red'))).message, /tried too many/)
})
