// Kills the real server with SIGKILL while clients work on the same keys, and starts it again on the same folder. Every call
// is recorded, and history-check.ts judges the whole: nothing that was acknowledged is lost or comes back, and no answer
// contradicts another. Besides: no object is half made, every key that was sent has its access record, and the audit chain
// verifies. Used by test/system/kill.test.ts and scripts/soak.ts.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { command } from '../server/command.ts'
import { Contended, contend } from './contention.ts'
import { violations } from './history-check.ts'
import { History } from './history.ts'
import type { TalkOptions } from '../clients/kmip-talk.ts'
import { randomFrom } from './load.ts'
import { openRecorded, type RecordedTalk } from './recorded-talk.ts'
import { startServer, type ClientFiles, type TestServer } from '../server/server.ts'
import { all, find, integer, numberOf, operations, textOf } from '../clients/wire.ts'

export interface KillOptions {
  readonly kills: number
  /** TLS clients at a time. */
  readonly clients: number
  /** The same seed gives the same choices, though not the same moments. */
  readonly seed: number
  /** Called after each kill. */
  readonly progress?: (kill: number, done: KillsDone) => void
}

export type KillsDone = Contended['counts'] & { readonly keys: number; readonly calls: number }

/** Between the start of the load and the kill. */
const loadMs = { least: 100, most: 600 }
/** Old keys that are looked at again after each kill, besides those just used; all of them at the end. */
const oldKeysChecked = 20

interface Site {
  readonly history: History
  readonly contended: Contended
  readonly files: readonly ClientFiles[]
  readonly random: () => number
}

/** Throws what it finds wrong, and leaves data folder and history to be looked at; otherwise tells how much was done. */
export async function killUnderLoad(options: KillOptions): Promise<KillsDone> {
  const { kills, clients, seed } = options
  let server = await startServer()
  const { data } = server
  const history = new History()
  const contended = new Contended()
  try {
    const files = [await server.issue('one'), await server.issue('two')]
    const site: Site = { history, contended, files, random: randomFrom(seed) }
    for (let kill = 1; kill <= kills; kill++) {
      const sinceMs = Date.now()
      contended.forget()
      await loadAndKill(server, site, clients)
      server = await startServer({ data })
      await checkKeys(talkOf(server, site, 0), site, kill === kills ? Infinity : oldKeysChecked)
      await checkAudit(server, contended, sinceMs)
      options.progress?.(kill, doneSoFar(site))
    }
    await checkNothingElse(server, site)
    assert.equal(await server.stop(), 0)
    rmSync(data, { recursive: true, force: true })
    return doneSoFar(site)
  } catch (error) {
    const saved = path.join(tmpdir(), `mortise-history-${seed}.jsonl`)
    history.save(saved)
    const about = `seed ${seed}, data folder ${data}, history ${saved}`
    throw new Error(`${about}: ${String(error)}\n${server.stderr()}`, { cause: error })
  } finally {
    await server.kill()
  }
}

function doneSoFar({ history, contended }: Site): KillsDone {
  return { ...contended.counts, keys: contended.keys.size, calls: history.count }
}

function talkOf({ kmip }: TestServer, { files }: Site, index: number): TalkOptions {
  const chosen = files[index % files.length]
  assert.ok(chosen)
  return { ...kmip, tls: chosen.tls }
}

async function loadAndKill(server: TestServer, site: Site, clients: number): Promise<void> {
  const { history, contended, random } = site
  let killed = false
  const expected = () => killed
  const running = Array.from({ length: clients }, (_, index) =>
    contend({
      talk: talkOf(server, site, index),
      history,
      client: `c${index}`,
      contended,
      random,
      expected,
    }),
  )
  // A verdict before the kill must not wait for it.
  const verdict = Promise.all(running)
  const { created, changed, fetched } = contended.counts
  // Three kills make more than ten of each.
  const enough = () =>
    contended.counts.created > created + 3 &&
    contended.counts.changed > changed + 3 &&
    contended.counts.fetched > fetched + 3
  const came = { over: false }
  const load = async () => {
    await sleep(loadMs.least + random() * (loadMs.most - loadMs.least))
    // A busy machine takes longer to do something that could be lost.
    while (!enough() && !came.over) await sleep(10)
  }
  await Promise.race([load(), verdict.finally(() => (came.over = true))])
  killed = true
  await server.kill()
  await verdict
  history.serverIsDead()
}

function sample<T>(items: readonly T[], count: number, random: () => number): T[] {
  if (items.length <= count) return [...items]
  return Array.from({ length: count }, () => items[Math.floor(random() * items.length)]).filter(
    (item) => item !== undefined,
  )
}

/** Reads all of each key that was touched, and of some that were not, and judges their histories. */
async function checkKeys(options: TalkOptions, site: Site, oldKeys: number): Promise<void> {
  const { history, contended, random } = site
  const talk = await openRecorded(options, { history, client: 'check' })
  await findUnacknowledged(talk, contended)
  const keys = new Set([...contended.touched, ...sample([...contended.keys], oldKeys, random)])
  for (const key of keys) {
    if ((await talk.get(key)).ok) contended.sent(key)
    await talk.state(key)
    await talk.attributes(key)
  }
  talk.close()
  assert.deepEqual(
    violations(history.keys, keys).map(({ key, message }) => `${key}: ${message}`),
    [],
  )
  const made = [...history.keys.values()].filter((calls) => !calls.some(({ what }) => what === 'create'))
  assert.ok(made.length <= history.createsUnanswered, `${made.length} keys were made by nobody`)
}

/** The newest objects: those that nobody was told of must be whole as well, and are ours from now on. */
async function findUnacknowledged(talk: RecordedTalk, contended: Contended): Promise<void> {
  const wanted = integer('MaximumItems', contended.touched.size + 200)
  const answer = await talk.plain.ask(operations.Locate, wanted)
  assert.ok(answer.ok, answer.message)
  for (const item of all(answer.payload, 'UniqueIdentifier')) {
    const key = textOf(item) ?? ''
    if (!contended.keys.has(key)) contended.add(key)
  }
}

interface Entry {
  readonly action: string
  readonly result: string
  readonly object: string | null
}

/** No key was sent without its record, and the chain is whole. */
async function checkAudit(server: TestServer, { fetched }: Contended, sinceMs: number): Promise<void> {
  // A little earlier than it was: clocks are read in milliseconds.
  const since = new Date(sinceMs - 5).toISOString()
  const args = ['--action', 'key.get', '--since', since, '--limit', '1000000']
  const entries = (await answerOf(server, 'audit', 'list', ...args)) as readonly Entry[]
  const entered = new Map<string, number>()
  for (const { object, result } of entries)
    if (object !== null && result === 'success') entered.set(object, (entered.get(object) ?? 0) + 1)
  for (const [id, times] of fetched)
    assert.ok(
      (entered.get(id) ?? 0) >= times,
      `${id} was sent ${times} times and entered ${entered.get(id) ?? 0} times`,
    )
  const proof = (await answerOf(server, 'audit', 'verify')) as {
    readonly ok: boolean
    readonly problems: readonly string[]
  }
  assert.ok(proof.ok, proof.problems.join('\n'))
}

async function answerOf({ data }: TestServer, ...words: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await command([...words, '--json'], { data })
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

/** Every object of the store is one that we know, in every detail that Locate and the key list show. */
async function checkNothingElse(server: TestServer, site: Site): Promise<void> {
  const talk = await openRecorded(talkOf(server, site, 1), { history: site.history, client: 'end' })
  const located = await talk.plain.locateAll()
  // All keys were just read.
  const living = [...site.contended.keys].filter((key) => {
    const last = site.history.keys.get(key)?.findLast(({ what }) => what === 'get')
    return last?.answer.said === 'done'
  })
  assert.deepEqual(located.toSorted(), living.toSorted())
  const first = located[0]
  if (first !== undefined) {
    const { payload } = await talk.plain.get(first)
    assert.equal(numberOf(find(payload, 'SymmetricKey', 'KeyBlock', 'CryptographicLength')), 256)
  }
  talk.close()
}
