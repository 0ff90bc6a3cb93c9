// Kills the real server with SIGKILL while clients work, starts it again on the same folder, and holds it to what it
// had acknowledged: every key is there with the same bytes, no object is half made, every key that was sent has its
// access record, and the audit chain verifies. Used by test/system/kill.test.ts and scripts/soak.ts.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { find, integer, numberOf, operations, textOf, all } from './wire.ts'
import { openTalk, reasons, states, type KmipTalk, type TalkOptions } from './kmip-talk.ts'
import { Memory, randomFrom, runClient, type KnownKey, type State } from './load.ts'
import { startServer, type ClientFiles, type TestServer } from './server.ts'

export interface KillOptions {
  readonly kills: number
  /** TLS clients at a time. */
  readonly clients: number
  /** The same seed gives the same choices, though not the same moments. */
  readonly seed: number
  /** Told after each kill. */
  readonly progress?: (kill: number, memory: Memory) => void
}

/** Between the start of the load and the kill. */
const loadMs = { least: 100, most: 600 }
/** Old keys that are looked at again after each kill, besides those just used; all of them at the end. */
const oldKeysChecked = 20

/** Throws what it finds wrong, and leaves the data folder to be looked at; otherwise tells how much was done. */
export async function killUnderLoad(options: KillOptions): Promise<Memory['counts'] & { keys: number }> {
  const { kills, clients, seed } = options
  const random = randomFrom(seed)
  const memory = new Memory()
  let server = await startServer()
  const { data } = server
  try {
    const files: ClientFiles[] = []
    for (const name of ['one', 'two']) files.push(await server.issue(name))
    for (let kill = 1; kill <= kills; kill++) {
      const sinceMs = Date.now()
      memory.forgetTouched()
      await loadAndKill({ server, files, clients, memory, random })
      server = await startServer({ data })
      const talk: TalkOptions = { ...server.kmip, tls: tlsOf(files, 0) }
      const old = sample([...memory.keys.values()], kill === kills ? Infinity : oldKeysChecked, random)
      await checkKeys(talk, memory, new Set([...memory.touched, ...old]))
      await checkAudit(server, memory, sinceMs)
      options.progress?.(kill, memory)
    }
    await checkNothingElse(server, files, memory)
    assert.equal(await server.stop(), 0)
    rmSync(data, { recursive: true, force: true })
    return { ...memory.counts, keys: memory.keys.size }
  } catch (error) {
    throw new Error(`seed ${seed}, data folder ${data}: ${String(error)}\n${server.stderr()}`, {
      cause: error,
    })
  } finally {
    await server.kill()
  }
}

function tlsOf(files: readonly ClientFiles[], index: number): ClientFiles['tls'] {
  const chosen = files[index % files.length]
  assert.ok(chosen)
  return chosen.tls
}

async function loadAndKill(options: {
  readonly server: TestServer
  readonly files: readonly ClientFiles[]
  readonly clients: number
  readonly memory: Memory
  readonly random: () => number
}): Promise<void> {
  const { server, files, clients, memory, random } = options
  let killed = false
  const running = Array.from({ length: clients }, (_, index) =>
    runClient({
      talk: { ...server.kmip, tls: tlsOf(files, index) },
      memory,
      random,
      expected: () => killed,
    }),
  )
  // A verdict before the kill must not wait for it.
  const verdict = Promise.all(running)
  await Promise.race([sleep(loadMs.least + random() * (loadMs.most - loadMs.least)), verdict])
  killed = true
  await server.kill()
  await verdict
}

function sample<T>(items: readonly T[], count: number, random: () => number): T[] {
  if (items.length <= count) return [...items]
  return Array.from({ length: count }, () => items[Math.floor(random() * items.length)]).filter(
    (item) => item !== undefined,
  )
}

/** Each key is what was acknowledged, or what an unanswered operation would have made of it; then that is known. */
async function checkKeys(options: TalkOptions, memory: Memory, keys: ReadonlySet<KnownKey>): Promise<void> {
  const talk = await openTalk(options)
  await adoptUnacknowledged(talk, memory, keys.size)
  for (const key of keys) {
    const possible: (State | undefined)[] = [key.state, key.becoming]
    const answer = await talk.get(key.id)
    if (answer.ok) memory.sent(key, answer)
    else {
      assert.ok(possible.includes('Destroyed'), `${key.id} is lost: it was ${key.state}; ${answer.message}`)
      assert.equal(answer.reason, reasons.ItemNotFound, answer.message)
    }
    const state = answer.ok ? await stateOf(talk, key.id) : 'Destroyed'
    assert.ok(possible.includes(state), `${key.id} is ${state}, and should be ${possible.join(' or ')}`)
    key.state = state
    key.becoming = undefined
  }
  talk.close()
}

/** The newest objects: those that nobody was told of must be whole as well, and are ours from now on. */
async function adoptUnacknowledged(talk: KmipTalk, memory: Memory, touched: number): Promise<void> {
  const answer = await talk.ask(operations.Locate, integer('MaximumItems', touched + 200))
  assert.ok(answer.ok, answer.message)
  for (const item of all(answer.payload, 'UniqueIdentifier')) {
    const id = textOf(item) ?? ''
    if (memory.keys.has(id)) continue
    const state = await stateOf(talk, id)
    const got = await talk.get(id)
    assert.ok(got.ok, `${id} was half made: ${got.message}`)
    memory.sent(memory.add(id, state), got)
  }
}

async function stateOf(talk: KmipTalk, id: string): Promise<State> {
  const answered = await talk.state(id)
  const name = Object.entries(states).find(([, number]) => number === answered)?.[0]
  assert.ok(name !== undefined, `${id} has no state`)
  return name as State
}

interface Entry {
  readonly action: string
  readonly result: string
  readonly object: string | null
}

/** No key was sent without its record, and the chain is whole. */
async function checkAudit(server: TestServer, memory: Memory, sinceMs: number): Promise<void> {
  // A little earlier than it was: clocks are read in milliseconds.
  const since = new Date(sinceMs - 5).toISOString()
  const args = ['--action', 'key.get', '--since', since, '--limit', '1000000']
  const entries = (await server.json('audit', 'list', ...args)) as readonly Entry[]
  const entered = new Map<string, number>()
  for (const { object, result } of entries)
    if (object !== null && result === 'success') entered.set(object, (entered.get(object) ?? 0) + 1)
  for (const [id, times] of memory.fetched)
    assert.ok(
      (entered.get(id) ?? 0) >= times,
      `${id} was sent ${times} times and entered ${entered.get(id) ?? 0} times`,
    )
  const proof = (await server.json('audit', 'verify')) as {
    readonly ok: boolean
    readonly problems: readonly string[]
  }
  assert.ok(proof.ok, proof.problems.join('\n'))
}

/** Every object of the store is one that we know, in every detail that Locate and the key list show. */
async function checkNothingElse(
  server: TestServer,
  files: readonly ClientFiles[],
  memory: Memory,
): Promise<void> {
  const talk = await openTalk({ ...server.kmip, tls: tlsOf(files, 1) })
  const located = await talk.locateAll()
  const living = [...memory.keys.values()].filter(({ state }) => state !== 'Destroyed').map(({ id }) => id)
  assert.deepEqual(located.toSorted(), living.toSorted())
  const first = located[0]
  if (first !== undefined) {
    const { payload } = await talk.get(first)
    assert.equal(numberOf(find(payload, 'SymmetricKey', 'KeyBlock', 'CryptographicLength')), 256)
  }
  talk.close()
}
