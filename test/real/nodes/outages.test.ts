// Runs alone: it counts on what two nodes do within seconds.
//
// The whole of docs/deploy.md: two nodes, a primary and its synchronous replica, and clients. While they work it is cut in every place:
// between a client and a node, a node and the primary, all and the primary for half a minute, the primary and its replica; a
// node is killed, the primary crashes, and its replica takes its place. Every call is in a history, which must have one order;
// a request that was on its way gets an answer or a closed connection; and each time the service goes on by itself.

import assert from 'node:assert/strict'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Contended, contend } from '../../support/load/contention.ts'
import { violations } from '../../support/load/history-check.ts'
import { History } from '../../support/load/history.ts'
import { openTalk } from '../../support/clients/kmip-talk.ts'
import { randomFrom } from '../../support/load/load.ts'
import type { TestNode } from '../../support/server/nodes.ts'
import { until } from '../../support/time/until.ts'
import { openWire, type Wire } from '../../support/clients/proxy.ts'
import { openRecorded, Unexpected } from '../../support/load/recorded-talk.ts'
import type { ClientFiles } from '../../support/server/server.ts'
import { Topology } from '../../support/load/topology.ts'

const leaseSeconds = 3
const cutOffMs = 30_000
/** A Result Reason of KMIP. */
const generalFailure = 0x100
const lacksReplica =
  /has confirmed no commit for \d+ s \(no replica that must confirm commits .*FIRST 1 \(r1\).* is connected to it\): .*bring the replica back/

test(
  'two nodes and their database are cut in every place under load: one order, and nothing is lost',
  outages,
)

async function outages(t: TestContext): Promise<void> {
  const env = { MORTISE_LEASE_SECONDS: String(leaseSeconds) }
  await using topology = await Topology.start(t, { env })
  if (!topology) return
  const { one, two } = topology.nodes
  const history = new History()
  const { tls } = await one.server.issue('vcenter')
  await using toOne = await openWire(one.server.kmip)
  await using toTwo = await openWire(two.server.kmip)
  const clients = [toOne, toTwo] as const
  const load = startLoad(clients, tls, history)
  try {
    await goThrough(t, { topology, clients, load, tls })
  } finally {
    await load.stop()
  }
  const keys = [...load.contended.keys]
  t.diagnostic(JSON.stringify({ keys: keys.length, calls: history.count }))
  for (const { name, server } of [one, two]) {
    const check = await openRecorded({ ...server.kmip, tls }, { history, client: `check ${name}` })
    for (const key of keys) {
      await check.get(key)
      await check.state(key)
      await check.attributes(key)
    }
    check.close()
    assert.equal((await server.cli('audit', 'verify')).code, 0)
  }
  const found = violations(history.keys).map(({ key, message }) => `${key}: ${message}`)
  if (found.length > 0) history.save(path.join(tmpdir(), 'mortise-outages-history.jsonl'))
  assert.deepEqual(found, [])
}

interface Site {
  readonly topology: Topology
  /** Between clients and each node. */
  readonly clients: readonly [Wire, Wire]
  readonly load: Load
  readonly tls: ClientFiles['tls']
}

async function goThrough(t: TestContext, site: Site): Promise<void> {
  const { topology, clients, load } = site
  const { one, two } = topology.nodes
  await load.goesOn()

  await t.test('clients that are cut off from a node go on at the other one', async () => {
    await clients[0].cut()
    await load.goesOn([1])
    await clients[0].mend()
    await load.goesOn()
  })

  await t.test('a node that is killed', async () => {
    await two.kill()
    await load.goesOn([0])
    await two.start()
    await load.goesOn()
  })

  await t.test(
    'a node that is cut off from the primary answers nothing, and the other one goes on',
    async () => {
      const wire = topology.wireTo(topology.primary, one)
      await wire.cut()
      await sleep((leaseSeconds + 1) * 1000)
      await servesNothing(site, one)
      await load.goesOn([1])
      await wire.mend()
      await load.goesOn()
    },
  )

  await t.test('a crash of PostgreSQL', async () => {
    await topology.primary.stop('immediate')
    await sleep(500)
    await topology.primary.start()
    await load.goesOn()
  })

  await t.test('half a minute without a byte to or from the primary', async () => {
    const wires = [one, two].map((node) => topology.wireTo(topology.primary, node))
    for (const wire of wires) wire.hold()
    await sleep(cutOffMs)
    for (const wire of wires) wire.release()
    await load.goesOn()
  })

  await t.test('while the primary has lost its replica, nothing is served', async () => {
    await topology.replication.cut()
    await sleep((leaseSeconds + 1) * 1000)
    for (const node of [one, two]) {
      await servesNothing(site, node)
      const status = await node.server.cli('status')
      assert.equal(status.code, 1)
      assert.match(status.stderr, /the store cannot be used at the moment/)
      // It asks the primary for the reason before it says so.
      await until(() => lacksReplica.test(node.server.stderr()))
    }
    await topology.replication.mend()
    await load.goesOn()
  })

  await t.test('the primary is killed, and its replica takes its place', async () => {
    await topology.primary.stop('immediate')
    await topology.failOver()
    await load.goesOn()
  })
}

async function servesNothing({ load, tls }: Site, { server }: TestNode): Promise<void> {
  const key = [...load.contended.keys][0] ?? ''
  const talk = await openTalk({ ...server.kmip, tls })
  const { ok, reason } = await talk.get(key)
  assert.deepEqual([ok, reason], [false, generalFailure])
  talk.close()
  assert.equal(await statusOf(`${server.admin}/health/ready`), 503)
}

interface Load {
  readonly contended: Contended
  /** Resolves once each client has done something new, or each client of these nodes. */
  goesOn(nodes?: readonly number[]): Promise<void>
  stop(): Promise<void>
}

const clients = 4

function startLoad(nodes: readonly Wire[], tls: ClientFiles['tls'], history: History): Load {
  const contended = new Contended()
  const own = Array.from({ length: clients }, () => new Contended())
  const stopped = new AbortController()
  const work = own.map(async (counts, index) => {
    const random = randomFrom(index + 1)
    for (let round = 0; !stopped.signal.aborted; round++) {
      const port = nodes[index % nodes.length]?.port ?? 0
      try {
        const shared = sharing(contended, counts)
        const about = { history, client: `c${index}-${round}`, contended: shared, random, mayFail: true }
        await contend({
          ...about,
          talk: { host: '127.0.0.1', port, tls },
          expected: () => stopped.signal.aborted,
        })
      } catch (error) {
        if (error instanceof Unexpected || error instanceof assert.AssertionError) throw error
        // Each failure leaves one more question open.
        await sleep(1_500)
      }
    }
  })
  const all = Promise.all(work)
  return {
    contended,
    async goesOn(only) {
      const before = own.map(({ counts }) => counts.created)
      const hasGoneOn = ({ counts }: Contended, index: number) =>
        only?.includes(index % nodes.length) === false || counts.created > (before[index] ?? 0) + 2
      const goOn = until(() => own.every(hasGoneOn), 'clients have gone on')
      await Promise.race([goOn, all])
    },
    async stop() {
      stopped.abort()
      await all
    },
  }
}

/** The keys of all, and counts of its own. */
function sharing(contended: Contended, { counts }: Contended): Contended {
  return Object.assign(Object.create(contended) as Contended, { counts })
}

function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { rejectUnauthorized: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
      .on('error', reject)
      .end()
  })
}
