// A snapshot of a volume: the whole data folder as it was at one moment under load. A server that starts from it has every
// key that was answered before, and an audit entry for every key that was sent.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf, openTalk } from '../support/clients/kmip-talk.ts'
import { Memory, randomFrom, runClient, type KnownKey } from '../support/load/load.ts'
import {
  runCli,
  startEmbedded,
  startServer,
  type ClientFiles,
  type EmbeddedServer,
  type TestServer,
} from '../support/server/server.ts'

const clients = 6
const getsMin = 100

let snapshot: string
let files: ClientFiles
/** What clients had been answered when the snapshot was taken. */
let keys: readonly KnownKey[]
let fetched: ReadonlyMap<string, number>

before(async () => {
  await using server = await startServer()
  snapshot = `${server.data}-snapshot`
  files = await server.issue('one')
  const memory = new Memory()
  let over = false
  const talk = { ...server.kmip, tls: files.tls }
  const seed = Date.now() % 2 ** 31
  const load = Promise.all(
    Array.from({ length: clients }, (_, index) =>
      runClient({ talk, memory, random: randomFrom(seed + index), expected: () => over }),
    ),
  )
  while (memory.counts.fetched < getsMin) await Promise.race([sleep(20), load])
  await hold(server)
  try {
    // Answers that were on their way arrive.
    await Promise.race([sleep(200), load])
    keys = structuredClone([...memory.keys.values()])
    fetched = new Map(memory.fetched)
    execFileSync('cp', ['-a', server.data, snapshot])
  } finally {
    server.process.kill('SIGCONT')
  }
  over = true
  await load
})
after(() => rmSync(snapshot, { recursive: true, force: true }))

/** Stops all threads of the server at a moment at which its access log has records. */
async function hold({ data, process: child }: TestServer): Promise<void> {
  for (;;) {
    child.kill('SIGSTOP')
    while (!/^State:\s+T/m.test(readFileSync(`/proc/${child.pid}/status`, 'utf8'))) await sleep(10)
    if (statSync(path.join(data, 'mortise.db.access')).size > 0) return
    child.kill('SIGCONT')
    await sleep(20)
  }
}

/** Starts from a copy of the snapshot, after what is done to it, and compares. */
async function startFrom(prepare: (data: string) => Promise<void>): Promise<void> {
  const data = `${snapshot}-copy`
  execFileSync('cp', ['-a', snapshot, data])
  try {
    await prepare(data)
    await using server = await startEmbedded({ data })
    await compareAudit(server)
    await compareKeys(server)
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

async function compareAudit(server: EmbeddedServer): Promise<void> {
  const args = ['--action', 'key.get', '--limit', '1000000']
  const entries = (await server.json('audit', 'list', ...args)) as { object: string; result: string }[]
  const sent = entries.filter(({ result }) => result === 'success')
  const entered = Map.groupBy(sent, ({ object }) => object)
  for (const [id, times] of fetched)
    assert.ok((entered.get(id)?.length ?? 0) >= times, `${id} was sent ${times} times`)
  const answered = [...fetched.values()].reduce((sum, times) => sum + times, 0)
  assert.ok(sent.length <= answered + clients, `${sent.length} entries of ${answered} answers`)
  assert.equal((await server.cli('audit', 'verify')).code, 0)
}

async function compareKeys(server: EmbeddedServer): Promise<void> {
  const talk = await openTalk({ ...server.kmip, tls: files.tls })
  for (const { id, digest, state, becoming } of keys) {
    const answer = await talk.get(id)
    if (!answer.ok) assert.ok([state, becoming].includes('Destroyed'), `${id}: ${answer.message}`)
    else {
      assert.notEqual(state, 'Destroyed', id)
      if (digest !== undefined) assert.equal(digestOf(answer), digest, id)
    }
  }
  await talk.create()
  talk.close()
}

test('a server starts from a snapshot of its folder with all that it had answered', () =>
  startFrom(async () => {}))

test('accepted first, the snapshot loses nothing either', () =>
  startFrom(async (data) => {
    const { code, stderr } = await runCli(['restore-accept', '--anyway', '--data', data])
    assert.equal(code, 0, stderr)
  }))
