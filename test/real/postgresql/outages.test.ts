// Runs alone: it counts on what two nodes do within seconds.
//
// Two nodes and their clients, while PostgreSQL crashes, is cut off for half a minute, and is replaced by its replica. Every
// call is in a history, which must have one order; a request that was on its way gets an answer or a closed connection; and
// each time the service goes on by itself.

import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Contended, contend } from '../../support/contention.ts'
import { violations } from '../../support/history-check.ts'
import { History } from '../../support/history.ts'
import { openTalk } from '../../support/kmip-talk.ts'
import { randomFrom } from '../../support/load.ts'
import { startPair, type Pair } from '../../support/postgresql-pair.ts'
import { until } from '../../support/postgresql-store.ts'
import { openWire, type Wire } from '../../support/proxy.ts'
import { openRecorded, Unexpected } from '../../support/recorded-talk.ts'
import { startEmbedded, type ClientFiles, type EmbeddedServer } from '../../support/server.ts'

const leaseSeconds = 3
const cutOffMs = 30_000
/** A Result Reason of KMIP. */
const generalFailure = 0x100

test('PostgreSQL crashes, is cut off and fails over under load: one order, and nothing is lost', outages)

async function outages(t: TestContext): Promise<void> {
  const pair = await startPair(t, 'FIRST 1 (r1)')
  if (!pair) return
  const { primary, replica, database } = pair
  const toPrimary = await openWire({ host: '127.0.0.1', port: primary.port })
  t.after(() => toPrimary[Symbol.asyncDispose]())
  const store = `postgres://mortise@127.0.0.1:${toPrimary.port},127.0.0.1:${replica.port}/${database}`
  const nodes = await startTwo(t, store)
  const history = new History()
  try {
    await underLoad(t, { pair, toPrimary, nodes, history })
  } finally {
    for (const node of nodes) await node.stop().catch(() => undefined)
  }
  // Only now, since it keeps busy the process in which the nodes run too.
  const found = violations(history.keys).map(({ key, message }) => `${key}: ${message}`)
  if (found.length > 0) history.save(path.join(tmpdir(), 'mortise-outages-history.jsonl'))
  assert.deepEqual(found, [])
}

async function underLoad(t: TestContext, site: Omit<Site, 'load' | 'tls'>): Promise<void> {
  const { nodes, history } = site
  const [one] = nodes
  const { tls } = await one.issue('vcenter')
  const load = startLoad(nodes, tls, history)
  try {
    await goThrough(t, { ...site, load, tls })
  } finally {
    await load.stop()
  }
  const keys = [...load.contended.keys]
  t.diagnostic(JSON.stringify({ keys: keys.length, calls: history.count }))
  const check = await openRecorded({ ...one.kmip, tls }, { history, client: 'check' })
  for (const key of keys) {
    await check.get(key)
    await check.state(key)
    await check.attributes(key)
  }
  check.close()
  for (const node of nodes) assert.equal((await node.cli('audit', 'verify')).code, 0)
}

interface Site {
  readonly pair: Pair
  /** Between the nodes and the primary. */
  readonly toPrimary: Wire
  readonly nodes: readonly [EmbeddedServer, EmbeddedServer]
  readonly history: History
  readonly load: Load
  readonly tls: ClientFiles['tls']
}

async function goThrough(t: TestContext, { pair, toPrimary, nodes, load, tls }: Site): Promise<void> {
  const { primary, replica, wire } = pair
  await load.goesOn()

  await t.test('after a crash of PostgreSQL', async () => {
    await primary.stop('immediate')
    await sleep(500)
    await primary.start()
    await load.goesOn()
  })

  await t.test('after half a minute without a byte to or from it', async () => {
    toPrimary.hold()
    await sleep(cutOffMs)
    toPrimary.release()
    await load.goesOn()
  })

  await t.test('while the primary has lost its replica, nothing is served', async () => {
    await wire.cut()
    await sleep((leaseSeconds + 1) * 1000)
    const key = [...load.contended.keys][0] ?? ''
    for (const node of nodes) {
      const talk = await openTalk({ ...node.kmip, tls: tls })
      const { ok, reason } = await talk.get(key)
      assert.deepEqual([ok, reason], [false, generalFailure])
      talk.close()
      assert.equal(await statusOf(`${node.admin}/health/ready`), 503)
      const status = await node.cli('status')
      assert.equal(status.code, 1)
      assert.match(status.stderr, /store cannot be used/)
      assert.match(node.stderr(), /has confirmed no commit for .*bring the replica back/s)
    }
  })

  await t.test('after its replica took its place', async () => {
    await replica.promote()
    await load.goesOn()
  })
}

async function startTwo(t: TestContext, store: string): Promise<readonly [EmbeddedServer, EmbeddedServer]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-outages-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const start = async (name: string) => {
    const env = { MORTISE_STORE: store, MORTISE_NODE: name, MORTISE_LEASE_SECONDS: String(leaseSeconds) }
    return startEmbedded({ data: path.join(folder, name), env })
  }
  const one = await start('one')
  mkdirSync(path.join(folder, 'two'), { mode: 0o700 })
  for (const file of ['root.key', 'admin-token'])
    copyFileSync(path.join(folder, 'one', file), path.join(folder, 'two', file))
  return [one, await start('two')]
}

interface Load {
  readonly contended: Contended
  /** Resolves once each client has done something new. */
  goesOn(): Promise<void>
  stop(): Promise<void>
}

const clients = 4

function startLoad(nodes: readonly EmbeddedServer[], tls: ClientFiles['tls'], history: History): Load {
  const contended = new Contended()
  const own = Array.from({ length: clients }, () => new Contended())
  const stopped = new AbortController()
  const work = own.map(async (counts, index) => {
    const random = randomFrom(index + 1)
    for (let round = 0; !stopped.signal.aborted; round++) {
      const { kmip } = nodes[index % nodes.length] ?? {}
      assert.ok(kmip)
      try {
        const shared = sharing(contended, counts)
        const about = { history, client: `c${index}-${round}`, contended: shared, random, mayFail: true }
        await contend({ ...about, talk: { ...kmip, tls }, expected: () => stopped.signal.aborted })
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
    async goesOn() {
      const before = own.map(({ counts }) => counts.created)
      const goOn = until(
        () => own.every(({ counts }, index) => counts.created > (before[index] ?? 0) + 2),
        90_000,
      )
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
