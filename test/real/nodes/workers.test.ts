// Runs alone: it counts on what several processes do within seconds.
//
// One node whose KMIP is served by several processes (server.workers). A worker that is killed is replaced and loses nothing that was
// answered; a session resumes on any worker; what people are told holds for all of them; and a graceful stop ends all.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { listenerLimits } from '../../../src/doors/kmip/listener-limits.ts'
import { clientCertificate, makeCertificate } from '../../support/certificates/certificates.ts'
import { Contended, contend } from '../../support/load/contention.ts'
import { violations } from '../../support/load/history-check.ts'
import { History } from '../../support/load/history.ts'
import { KmipTalk, LostConnection, openTalk, reasons } from '../../support/clients/kmip-talk.ts'
import { randomFrom } from '../../support/load/load.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { metricIn, metricsText } from '../../support/server/metrics.ts'
import { until } from '../../support/time/until.ts'
import { openRecorded, Unexpected } from '../../support/load/recorded-talk.ts'
import { runCli, startServer, type ClientFiles, type TestServer } from '../../support/server/server.ts'
import { connectClient, connectRaw } from '../../support/clients/tls-client.ts'

const postgres = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(() => postgres?.stop('immediate'))
if (postgres) test('a node with several workers', (t) => workers(t, postgres))

test('SQLite has one process, and auto is one there', async () => {
  const refused = await runCli(['status', '--data', '/nowhere'], { MORTISE_WORKERS: '2' })
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /server\.workers: must be 1 with SQLite/)
})

interface Site {
  readonly server: TestServer
  readonly files: ClientFiles
  readonly history: History
  readonly contended: Contended
}

async function workers(t: TestContext, database: PostgresServer): Promise<void> {
  const data = mkdtempSync(path.join(tmpdir(), 'mortise-workers-'))
  t.after(() => rmSync(data, { recursive: true, force: true }))
  const url = await database.newDatabase()
  writeFileSync(configFile(data), '[log]\nlevel = "info"\n')
  t.after(() => rmSync(configFile(data), { force: true }))
  const start = async (count: number) => {
    const env = { MORTISE_STORE: url, MORTISE_NODE: 'one', MORTISE_WORKERS: String(count) }
    const started = await startServer({
      data,
      args: ['--config', configFile(data), '--kmip-https', '127.0.0.1:0'],
      env,
    })
    t.after(() => started.kill())
    return started
  }
  let server = await start(3)
  const files = await server.issue('vcenter')
  const site = { server, files, history: new History(), contended: new Contended() }
  await t.test('connections are spread, and sessions resume on any worker', () => resumes(site))
  await t.test('HTTPS reaches the workers, too', () => overHttps(site))
  await t.test('unknown clients of all workers are in one list', () => pendingOfAll(site))
  await t.test('workers that are killed under load are replaced, and nothing is lost', () => killed(site))
  await t.test('the metrics are those of all workers, and no count goes back', () => metricsOfAll(site))
  await t.test('a reload reaches all workers', () => reload(site))
  await t.test(
    'the access records of a killed worker are chained once, by a node with fewer workers',
    async () => {
      server = await chainedOnce(site, start)
    },
  )
  await t.test('a graceful stop answers what has arrived, and ends all', () => graceful({ ...site, server }))
  server = await start(3)
  await t.test('a graceful stop lets clients between two requests of a task go on with it', () =>
    stoppedInTasks({ ...site, server }),
  )
  server = await start(1)
  const proof = (await server.json('audit', 'verify')) as { readonly ok: boolean }
  assert.ok(proof.ok, JSON.stringify(proof))
  assert.deepEqual(
    violations(site.history.keys).map(({ key, message }) => `${key}: ${message}`),
    [],
  )
}

function workerPids({ process: { pid } }: TestServer): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  return children.map(Number).filter((child) => commandOf(child).includes('kmip-worker'))
}

/** Empty where the process has ended meanwhile. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

async function resumes({ server }: Site): Promise<void> {
  const { tls: own, certificate } = await clientCertificate('self-signed')
  await server.trust('resumes', certificate.pem)
  const first = await connectClient({ ...server.kmip, ...own, maxVersion: 'TLSv1.2' })
  const { session } = first
  assert.ok(session)
  const open = []
  for (let n = 0; n < 6; n++) {
    const client = await connectClient({ ...server.kmip, ...own, maxVersion: 'TLSv1.2', session })
    assert.ok(client.socket.isSessionReused(), `connection ${n}`)
    assert.equal((await new KmipTalk(client).askState('no such key')).reason, reasons.ItemNotFound)
    open.push(client)
  }
  const pids = workerPids(server)
  assert.equal(pids.length, 3)
  for (const pid of pids) assert.ok(socketsOf(pid) >= 2, `the worker ${pid} has its share`)
  await server.json('client', 'block', certificate.sha256)
  for (const client of open) {
    const { reason } = await new KmipTalk(client).askState('no such key')
    assert.equal(reason, reasons.AuthenticationNotSuccessful)
    client.close()
  }
  first.close()
}

async function overHttps({ server, files: { tls } }: Site): Promise<void> {
  const message =
    '<RequestMessage><RequestHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="1"/>' +
    '<ProtocolVersionMinor type="Integer" value="4"/></ProtocolVersion><BatchCount type="Integer" value="1"/></RequestHeader>' +
    '<BatchItem><Operation type="Enumeration" value="Locate"/><RequestPayload/></BatchItem></RequestMessage>'
  const head = `POST /kmip HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: ${message.length}\r\n\r\n`
  const { host, port } = server.kmipHttps ?? assert.fail('no HTTPS')
  for (let n = 0; n < 6; n++) {
    const client = await connectClient({ host, port, ...tls })
    const answer = text(client.socket)
    client.send(Buffer.from(head + message))
    assert.match(await answer, /^HTTP\/1\.1 200 OK\r\n.*<ResultStatus type="Enumeration" value="Success"/s)
  }
}

/** Connections from clients that the process has. */
function socketsOf(pid: number): number {
  const inodes = new Set(
    readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
        return state === '01' && local !== '' ? [inode] : []
      }),
  )
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      const [, inode = ''] = /socket:\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? []
      return inodes.has(inode)
    } catch {
      return false
    }
  }).length
}

async function pendingOfAll({ server }: Site): Promise<void> {
  const { tls, certificate } = await makeCertificate({ commonName: 'stranger' })
  const clients = []
  for (let n = 0; n < 6; n++) {
    const client = await connectClient({ ...server.kmip, ...tls })
    assert.equal((await new KmipTalk(client).askState('none')).reason, reasons.AuthenticationNotSuccessful)
    clients.push(client)
  }
  const listed = async () => {
    const all = (await server.json('client', 'pending')) as { sha256: string; attempts: number }[]
    return all.find(({ sha256 }) => sha256 === certificate.sha256)?.attempts ?? 0
  }
  // Each handshake and each message counts, as on one process.
  await until(async () => (await listed()) === 12)
  await server.trust('came in', certificate.pem)
  for (const client of clients) {
    assert.equal((await new KmipTalk(client).askState('none')).reason, reasons.ItemNotFound)
    client.close()
  }
}

async function killed({ server, files: { tls }, history, contended }: Site): Promise<void> {
  const stop = new AbortController()
  const load = Array.from({ length: 6 }, async (_, index) => {
    const random = randomFrom(index + 1)
    for (let round = 0; !stop.signal.aborted; round++)
      try {
        const about = { history, client: `c${index}-${round}`, contended, random, mayFail: true }
        await contend({ ...about, talk: { ...server.kmip, tls }, expected: () => stop.signal.aborted })
      } catch (error) {
        if (error instanceof Unexpected) throw error
        await sleep(100)
      }
  })
  const all = Promise.all(load)
  for (let round = 0; round < 3; round++) {
    const before = contended.counts.created
    await Promise.race([until(() => contended.counts.created > before + 8), all])
    const pids = workerPids(server)
    const pid = pids[round % pids.length]
    assert.ok(pid !== undefined)
    process.kill(pid, 'SIGKILL')
    await until(() => !workerPids(server).includes(pid) && workerPids(server).length === 3)
  }
  const before = contended.counts.created
  await Promise.race([until(() => contended.counts.created > before + 8), all])
  stop.abort()
  await all
  await until(async () => ((await status(server)).conditions ?? []).some(({ id }) => id === 'workers-end'))
  const said = (await status(server)).conditions.find(({ id }) => id === 'workers-end')
  assert.match(said?.message ?? '', /SIGKILL/)
  const check = await openRecorded({ ...server.kmip, tls }, { history, client: 'check' })
  for (const key of contended.keys) {
    await check.get(key)
    await check.state(key)
    await check.attributes(key)
  }
  check.close()
}

async function status(
  server: TestServer,
): Promise<{ readonly conditions: { id: string; message: string }[] }> {
  return JSON.parse((await server.cli('status', '--json')).stdout) as Awaited<ReturnType<typeof status>>
}

function getsIn(metrics: string): number {
  return metricIn(metrics, 'mortise_kmip_operation_seconds_count{operation="Get",result="success"}') ?? 0
}

async function metricsOfAll({ server, files: { tls } }: Site): Promise<void> {
  // The one that was killed last is replaced, and its successor may not serve yet.
  await until(async () => metricIn(await metricsText(server), 'mortise_workers_serving') === 3)
  const before = getsIn(await metricsText(server))
  const talk = await openTalk({ ...server.kmip, tls })
  const key = await talk.create()
  for (let n = 0; n < 5; n++) assert.ok((await talk.get(key)).ok)
  const talks = await openTalks(server, tls, 3)
  for (const one of talks) assert.ok((await one.get(key)).ok)
  // A worker that does not answer within a second counts as it last did.
  let text = ''
  await until(async () => {
    text = await metricsText(server)
    return getsIn(text) === before + 8 && metricIn(text, 'mortise_kmip_connections') === 4
  })
  assert.equal(metricIn(text, 'mortise_workers'), 3)
  assert.equal(metricIn(text, 'mortise_workers_serving'), 3)
  assert.match(text, /^process_start_time_seconds /m)
  for (const one of [talk, ...talks]) one.close()
  const [pid] = workerPids(server)
  assert.ok(pid !== undefined)
  process.kill(pid, 'SIGKILL')
  await until(() => !workerPids(server).includes(pid) && workerPids(server).length === 3)
  assert.equal(getsIn(await metricsText(server)), before + 8)
}

async function reload({ server }: Site): Promise<void> {
  writeFileSync(configFile(server.data), '[log]\nlevel = "debug"\n')
  await server.json('reload')
  const saying = () =>
    new Set(
      server
        .stderr()
        .split('\n')
        // The last one may not have come whole yet.
        .slice(0, -1)
        .filter((line) => line.includes('a handshake failed'))
        .map((line) => (JSON.parse(line) as { worker?: number }).worker),
    )
  const old = {
    ...server.kmip,
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
    ciphers: 'ALL@SECLEVEL=0',
  } as const
  await until(async () => {
    await connectClient(old).catch(() => undefined)
    return [1, 2, 3].every((worker) => saying().has(worker))
  })
}

function openTalks(
  { kmip }: TestServer,
  tls: ClientFiles['tls'],
  count: number,
): Promise<readonly KmipTalk[]> {
  return Promise.all(Array.from({ length: count }, () => openTalk({ ...kmip, tls })))
}

function configFile(data: string): string {
  return `${data}.toml`
}

/** Killed as a whole right after an answer, so that a worker's records are in its file only. */
async function chainedOnce(
  { server: first, files: { tls } }: Site,
  start: (count: number) => Promise<TestServer>,
): Promise<TestServer> {
  let server = first
  for (let attempt = 0; attempt < 20; attempt++) {
    const talks = await openTalks(server, tls, 3)
    const key = (await talks[0]?.create()) ?? ''
    const pids = workerPids(server)
    const gets = 4 * talks.length
    await Promise.all(
      talks.map(async (talk) => {
        for (let n = 0; n < 4; n++) assert.ok((await talk.get(key)).ok)
      }),
    )
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await server.kill()
    for (const talk of talks) talk.close()
    const left = [2, 3].filter(
      (worker) => statSync(path.join(server.data, 'workers', String(worker), 'node.access')).size > 0,
    )
    server = await start(left.length > 0 ? 1 : 3)
    const entries = (await server.json('audit', 'list', '--object', key, '--action', 'key.get')) as unknown[]
    assert.equal(entries.length, gets)
    if (left.length > 0) {
      assert.match(server.stderr(), /the access records that a worker left are in the audit log/)
      await server.stop()
      return start(3)
    }
  }
  throw new assert.AssertionError({ message: 'no worker that is not the first was ever killed in time' })
}

async function graceful({ server, files: { tls }, history }: Site): Promise<void> {
  const pids = workerPids(server)
  assert.equal(pids.length, 3)
  const talks = await Promise.all(
    [1, 2, 3, 4, 5, 6].map((n) => openRecorded({ ...server.kmip, tls }, { history, client: `last ${n}` })),
  )
  // A terminal sends it to every process.
  for (const pid of pids) process.kill(pid, 'SIGTERM')
  await sleep(200)
  const last = talks.map((talk) => talk.create())
  await sleep(2)
  const began = performance.now()
  const ended = once(server.process, 'exit')
  server.process.kill('SIGTERM')
  const keys = await Promise.all(last)
  assert.equal(new Set(keys).size, 6)
  assert.deepEqual(await ended, [0, null])
  assert.ok(performance.now() - began < 10_000)
  for (const pid of pids) assert.throws(() => process.kill(pid, 0), /ESRCH/)
  for (const talk of talks) talk.close()
}

async function stoppedInTasks({ server, files: { tls } }: Site): Promise<void> {
  const talks = await openTalks(server, tls, 6)
  const ended = once(server.process, 'exit')
  const keys = await Promise.all(talks.map((talk) => talk.create()))
  const began = performance.now()
  const isOver = () => performance.now() - began > listenerLimits.taskPauseMs
  server.process.kill('SIGTERM')
  await until(async () => {
    const raw = await connectRaw(server.kmip).catch(() => undefined)
    raw?.destroy()
    return !raw
  })
  // The workers hear of the stop while the rounds go on; on a busy machine the time of tasks may be over before these are.
  const task = async (talk: KmipTalk, key = '') => {
    for (let round = 0; round < 5 && !isOver(); round++) {
      const answer = await talk.get(key).catch((error: unknown) => {
        if (!(error instanceof LostConnection && isOver())) throw error
      })
      assert.ok(!answer || answer.ok, `round ${round}`)
    }
    talk.close()
  }
  await Promise.all(talks.map((talk, n) => task(talk, keys[n])))
  assert.deepEqual(await ended, [0, null])
}
