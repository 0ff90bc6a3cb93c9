// Runs alone: it stops a server under load, and should meet it under its own load, not the other tests'.
//
// SIGTERM while clients work as vCenter and its hosts do: connections for one task, connections that stay, and some that
// never ask; the simulator plays vSphere besides. Each request whose bytes had arrived gets its answer.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { newKey, openTalk, requestBytes } from '../../support/clients/kmip-talk.ts'
import { startServer, type ClientFiles, type TestServer } from '../../support/server/server.ts'
import { connectClient, type TlsClient } from '../../support/clients/tls-client.ts'
import { playVsphere } from '../../support/clients/vsphere.ts'
import { operations, text } from '../../support/clients/wire.ts'

const data = mkdtempSync(path.join(tmpdir(), 'mortise-stop-'))
after(() => rmSync(data, { recursive: true, force: true }))

/** A request that was sent. `arrived`: the kernel had its bytes before the signal. */
interface Sent {
  arrived: boolean
  answered: boolean
}

class Load {
  readonly sent: Sent[] = []
  readonly #server: TestServer
  readonly #tls: ClientFiles['tls']
  readonly #requests: readonly Buffer[]
  #stopping = false

  constructor(server: TestServer, { tls }: ClientFiles, key: string) {
    this.#server = server
    this.#tls = tls
    const get = requestBytes(1, operations.Get, text('UniqueIdentifier', key))
    this.#requests = [get, requestBytes(1, operations.Create, ...newKey())]
  }

  connect(): Promise<TlsClient> {
    return connectClient({ ...this.#server.kmip, cert: this.#tls.cert, key: this.#tls.key })
  }

  /** So many requests at once, again and again, until the server ends the connection. */
  async staying(atOnce: number): Promise<void> {
    const client = await this.connect()
    while (await this.#ask(client, atOnce));
    client.close()
  }

  /** A connection for each request, until there is none any more. */
  async passing(): Promise<void> {
    for (;;) {
      const client = await this.connect().catch(() => undefined)
      if (client === undefined) {
        if (this.#stopping) return
        continue
      }
      await this.#ask(client)
      client.end()
    }
  }

  /** The signal, and how many requests had arrived without an answer at that moment. */
  stop(): number {
    this.#stopping = true
    this.#server.process.kill('SIGTERM')
    return this.sent.filter(({ arrived, answered }) => arrived && !answered).length
  }

  async #ask(client: TlsClient, atOnce = 1): Promise<boolean> {
    const all = Array.from({ length: atOnce }, (): Sent => ({ arrived: false, answered: false }))
    for (const one of all) {
      this.sent.push(one)
      const bytes = this.#requests[this.sent.length % 2] ?? assert.fail()
      client.socket.write(bytes, () => (one.arrived = !this.#stopping))
    }
    for (const one of all) one.answered = (await client.message()) !== undefined
    return all.every(({ answered }) => answered)
  }
}

/** vSphere as the simulator plays it, until the server has gone; what fails then is not looked at. */
async function playUntilGone(server: TestServer, { tls }: ClientFiles): Promise<void> {
  while (server.process.exitCode === null && server.process.signalCode === null)
    await playVsphere(tls, [server.kmip], 'more-vms,host-reboot').catch(() => sleep(20))
}

test('stopped under load, it answers each request that had arrived, and ends idle connections at once', async (t) => {
  let running = 0
  for (let round = 1; round <= 3; round += 1) {
    const server = await startServer({ data })
    const files = await server.issue(`client-${round}`)
    const talk = await openTalk({ ...server.kmip, tls: files.tls })
    const load = new Load(server, files, await talk.create())
    talk.close()
    const idle = await Promise.all(Array.from({ length: 10 }, () => load.connect()))
    const clients = [
      ...[1, 1, 1, 1, 3, 3].map((atOnce) => load.staying(atOnce)),
      ...Array.from({ length: 4 }, () => load.passing()),
      playUntilGone(server, files),
    ]
    while (load.sent.length < 60) await sleep(10)
    running += load.stop()
    for (const client of idle) assert.equal(await client.ended, null, 'an idle connection was reset')
    for (const client of idle) client.close()
    assert.equal(await exitCode(server), 0, server.stderr())
    await Promise.all(clients)
    const lost = load.sent.filter(({ arrived, answered }) => arrived && !answered)
    assert.equal(
      lost.length,
      0,
      `${lost.length} of ${load.sent.length} requests had arrived and got no answer`,
    )
  }
  t.diagnostic(`${running} requests were under way at the signals`)
  assert.ok(running > 0, 'no request was under way at any signal')
})

/** Once it has gone by itself: another signal would end it at once. */
async function exitCode({ process: child }: TestServer): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode
}

/** A client that has sent the half of a request, so that the server waits for the rest. */
async function halfway(server: TestServer): Promise<{ client: TlsClient; rest: Buffer }> {
  const client = await connectClient({ ...server.kmip })
  const bytes = requestBytes(1, operations.DiscoverVersions)
  client.send(bytes.subarray(0, 20))
  return { client, rest: bytes.subarray(20) }
}

async function statusOf(server: TestServer): Promise<number | undefined> {
  const asking = request(`${server.admin}/health/ready`, { rejectUnauthorized: false, agent: false })
  asking.end()
  const [response] = (await once(asking, 'response')) as [{ statusCode?: number; resume(): void }]
  response.resume()
  return response.statusCode
}

test('while it finishes, it is not ready; a second signal of either kind ends it at once', async () => {
  const patient = await startServer({ data })
  assert.equal(await statusOf(patient), 200)
  const { client, rest } = await halfway(patient)
  patient.process.kill('SIGTERM')
  while ((await statusOf(patient)) !== 503) await sleep(10)
  client.send(rest)
  assert.ok(await client.message(), 'the request that had begun to arrive got no answer')
  assert.equal(await client.ended, null)
  client.close()
  assert.equal(await exitCode(patient), 0, patient.stderr())

  const hurried = await startServer({ data })
  const other = await halfway(hurried)
  hurried.process.kill('SIGTERM')
  while ((await statusOf(hurried)) !== 503) await sleep(10)
  hurried.process.kill('SIGINT')
  assert.equal(await exitCode(hurried), null)
  assert.equal(hurried.process.signalCode, 'SIGINT')
  other.client.close()
  await (await startServer({ data })).stop()
})
