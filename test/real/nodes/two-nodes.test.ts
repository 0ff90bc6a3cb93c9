// Two nodes on one database, each a process of its own: what one does the other knows with the next message, also on open
// connections; calls of both at the same key have one order; a name is given once; dates are right where a machine's clock is not;
// the audit of both verifies.

import assert from 'node:assert/strict'
import { after, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { clientCertificate } from '../../support/certificates/certificates.ts'
import { Contended, contend } from '../../support/load/contention.ts'
import { violations } from '../../support/load/history-check.ts'
import { History } from '../../support/load/history.ts'
import {
  customAttributesOf,
  digestOf,
  openTalk,
  KmipTalk,
  reasons,
  states,
} from '../../support/clients/kmip-talk.ts'
import { aes, attribute, KmipSession, locate, nameAttribute } from '../../support/clients/kmip-session.ts'
import { randomFrom } from '../../support/load/load.ts'
import { startNodes, type Nodes, type TestNode } from '../../support/server/nodes.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { until } from '../../support/time/until.ts'
import type { ClientFiles } from '../../support/server/server.ts'
import { connectClient } from '../../support/clients/tls-client.ts'

const postgres = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t).then(resolve, reject))
})
after(() => postgres?.stop('immediate'))
if (postgres) test('two nodes on one database', (t) => twoNodes(t, postgres))

async function twoNodes(t: TestContext, database: PostgresServer): Promise<void> {
  await using nodes = await startNodes(database, { clocks: 'turnable' })
  const files = await nodes.one.server.issue('vcenter')
  await t.test('each serves at once what the other one did', () => atOnce(nodes, files))
  await t.test('calls of both at the same keys have one order', () => oneOrder(nodes, files))
  await t.test('a name that both give is given once', () => uniqueNames(nodes, files))
  await t.test('trust that one grants, blocks or withdraws holds on open connections of the other', () =>
    trustEverywhere(nodes),
  )
  await t.test('a session that began on one resumes on the other, where trust is looked up again', () =>
    resumes(nodes),
  )
  await t.test('a server certificate that one stages and switches to is shown by the other', () =>
    serverCertificate(nodes),
  )
  await t.test('each says which nodes there are', async () => {
    for (const { server, name } of nodes.both) {
      const status = (await server.json('status')) as {
        nodes: { name: string; isThis: boolean; serves: boolean }[]
      }
      assert.deepEqual(
        status.nodes.map((node) => node.name),
        ['one', 'two'],
      )
      for (const node of status.nodes)
        assert.deepEqual([node.isThis, node.serves], [node.name === name, true])
      assert.match((await server.cli('status')).stdout, /^NODE +VERSION/m)
    }
  })
  await t.test('dates and states are right on a node whose machine’s clock is five minutes off', () =>
    wrongClock(nodes, files),
  )
  await t.test('the audit of both verifies on each', async () => {
    for (const { server } of nodes.both) {
      const { ok, writers } = (await server.json('audit', 'verify')) as { ok: boolean; writers?: number }
      assert.ok(ok, `writers: ${writers}`)
    }
  })
}

async function serverCertificate({ both }: Nodes): Promise<void> {
  interface Shown {
    readonly sha256: string
    readonly staged: { readonly sha256: string } | null
  }
  const ask = (node: TestNode, word: string) => node.server.json('server-cert', word) as Promise<Shown>
  for (const [here, there] of [both, both.toReversed() as [TestNode, TestNode]])
    for (const word of ['renew', 'activate']) {
      const changed = await ask(here, word)
      const { sha256, staged } = await ask(there, 'show')
      assert.deepEqual([sha256, staged?.sha256], [changed.sha256, changed.staged?.sha256], word)
    }
}

function talkTo({ server }: TestNode, { tls }: Pick<ClientFiles, 'tls'>): Promise<KmipTalk> {
  return openTalk({ ...server.kmip, tls })
}

async function atOnce({ one, two }: Nodes, files: ClientFiles): Promise<void> {
  const stays = [await talkTo(one, files), await talkTo(two, files)] as const
  for (let round = 0; round < 20; round++) {
    const [here, there] = round % 2 === 0 ? stays : ([stays[1], stays[0]] as const)
    const key = await here.create()
    // As vCenter does, also on a connection that was not there before.
    const fresh = await talkTo(round % 2 === 0 ? two : one, files)
    const digest = digestOf(await fresh.get(key))
    fresh.close()
    assert.ok(digest)
    assert.equal(digestOf(await there.get(key)), digest)
    assert.ok((await there.addAttribute(key, 'x-there', 'a')).ok)
    assert.ok((await here.addAttribute(key, 'x-here', 'b')).ok)
    assert.deepEqual(customAttributesOf(await there.attributes(key)).toSorted(), ['x-here', 'x-there'])
    assert.ok((await here.activate(key)).ok)
    assert.equal(await there.state(key), states.Active)
    assert.ok((await there.revoke(key)).ok)
    assert.equal(await here.state(key), states.Deactivated)
    assert.ok((await here.destroy(key)).ok)
    assert.equal((await there.get(key)).reason, reasons.ItemNotFound)
  }
  const key = await stays[0].create()
  assert.ok((await stays[1].locateAll()).includes(key))
  for (const talk of stays) talk.close()
}

async function oneOrder({ both }: Nodes, files: ClientFiles): Promise<void> {
  const history = new History()
  const contended = new Contended()
  const random = randomFrom(20_261_126)
  const stop = new AbortController()
  const clients = [...both, ...both, ...both].map(({ server }, index) =>
    contend({
      talk: { ...server.kmip, tls: files.tls },
      history,
      client: `c${index}`,
      contended,
      random,
      expected: () => stop.signal.aborted,
      hotKeys: 6,
    }),
  )
  const ended = Promise.all(clients)
  const { counts } = contended
  const haveMet = () => counts.changed > 50 && counts.refused > 10
  // A busy machine may take longer.
  await Promise.race([sleep(5_000).then(() => until(haveMet).catch(() => undefined)), ended])
  stop.abort()
  await ended
  assert.deepEqual(
    violations(history.keys).map(({ key, message }) => `${key}: ${message}`),
    [],
  )
  assert.ok(haveMet(), `the nodes met too seldom: ${JSON.stringify(counts)}`)
}

async function uniqueNames({ both }: Nodes, { tls }: ClientFiles): Promise<void> {
  const sessions = await Promise.all(
    both.map(async ({ server }) => new KmipSession(await connectClient({ ...server.kmip, ...tls }))),
  )
  for (let round = 0; round < 15; round++) {
    const name = nameAttribute(`key ${round}`)
    const told = await Promise.all(
      sessions.map((session) => session.one('1.4', { operation: 'Create', request: aes([name]) })),
    )
    const refused = told.filter(({ status }) => status === 'OperationFailed')
    assert.equal(refused.length, 1, 'one of two is refused')
    assert.equal(refused[0]?.reason, 'InvalidField')
    for (const session of sessions) {
      const { UniqueIdentifier } = await session.ask('1.4', 'Locate', locate([name]))
      assert.equal(UniqueIdentifier?.length, 1)
    }
  }
  for (const session of sessions) session[Symbol.dispose]()
}

async function resumes({ one, two }: Nodes): Promise<void> {
  const { tls, certificate } = await clientCertificate('self-signed')
  await one.server.trust('resumes', certificate.pem)
  const first = await connectClient({ ...one.server.kmip, ...tls, maxVersion: 'TLSv1.2' })
  const { session } = first
  assert.ok(session)
  first.close()
  const again = async () => {
    const client = await connectClient({ ...two.server.kmip, ...tls, maxVersion: 'TLSv1.2', session })
    assert.ok(client.socket.isSessionReused())
    const { reason } = await new KmipTalk(client).askState('no such key')
    client.close()
    return reason
  }
  assert.equal(await again(), reasons.ItemNotFound)
  await one.server.json('client', 'block', certificate.sha256)
  assert.equal(await again(), reasons.AuthenticationNotSuccessful)
}

/** This machine's clock is the database's, too. */
async function wrongClock({ one, two }: Nodes, { tls }: ClientFiles): Promise<void> {
  const sessions = await Promise.all(
    [one, two].map(async ({ server }) => new KmipSession(await connectClient({ ...server.kmip, ...tls }))),
  )
  const [right, wrong] = sessions
  assert.ok(right && wrong)
  for (const aheadMs of [300_000, -300_000]) {
    // At once: the clock jumps between two signs of the database.
    two.turnClock(aheadMs)
    const key = await wrong.key('1.4')
    await wrong.ask('1.4', 'Activate', { UniqueIdentifier: key })
    for (const session of sessions) {
      assert.equal(await valuesOn(session, key, 'State'), 'Active')
      for (const name of ['Initial Date', 'Activation Date', 'Last Change Date'])
        isNow(await valuesOn(session, key, name))
    }
    const nowSeconds = BigInt(Math.floor(Date.now() / 1000))
    const later: string = await right.key('1.4', [attribute('Activation Date', nowSeconds + 120n)])
    const since: string = await right.key('1.4', [
      attribute('Activation Date', nowSeconds - 240n),
      attribute('Deactivation Date', nowSeconds - 120n),
    ])
    assert.equal(await valuesOn(wrong, later, 'State'), 'PreActive')
    assert.equal(await valuesOn(wrong, since, 'State'), 'Deactivated')
    const entries = (await two.server.json('audit', 'list', '--object', key)) as readonly {
      readonly at: string
    }[]
    assert.ok(entries.length >= 2)
    for (const { at } of entries) isNow(Date.parse(at) / 1000)
    const status = await two.server.cli('status')
    assert.match(status.stdout + status.stderr, /clock of this machine/)
  }
  two.turnClock(0)
  for (const session of sessions) session[Symbol.dispose]()
}

function isNow(date: unknown): void {
  assert.ok(Math.abs(Number(date) * 1000 - Date.now()) < 30_000, String(date))
}

async function valuesOn(session: KmipSession, key: string, name: string): Promise<unknown> {
  return (await session.values('1.4', key, name))[0]
}

/** Each node grants and takes away while the client is connected to the other. */
async function trustEverywhere({ one, two }: Nodes): Promise<void> {
  for (const [node, other] of [
    [one, two],
    [two, one],
  ] as const) {
    const { tls, certificate } = await clientCertificate('self-signed')
    const { sha256, pem } = certificate
    const talk = await talkTo(other, { tls: { ...tls, ca: '' } })
    const isServed = async () => {
      const { ok, reason } = await talk.askState('no such key')
      assert.ok(!ok)
      return reason !== reasons.AuthenticationNotSuccessful
    }
    const deeds: readonly (readonly [boolean, () => Promise<unknown>])[] = [
      [true, () => node.server.trust(`client of ${other.name}`, pem)],
      [false, () => node.server.json('client', 'block', sha256)],
      [true, () => node.server.json('client', 'unblock', sha256)],
      [false, () => node.server.json('client', 'remove', `client of ${other.name}`)],
    ]
    assert.equal(await isServed(), false)
    for (const [index, [served, deed]] of deeds.entries()) {
      await deed()
      assert.equal(await isServed(), served, `step ${index} on ${node.name}`)
    }
    talk.close()
  }
}
