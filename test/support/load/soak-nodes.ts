// Two nodes on PostgreSQL and its synchronous replica under load, while one thing after another happens to them (disturbances.ts).
// Every call of every client is recorded, and history-check.ts judges the whole: what was acknowledged is there on
// both nodes, nothing comes back, and no answer contradicts another. Used by scripts/soak.ts and
// test/real/nodes/soak.test.ts.

import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { act, Contended } from './contention.ts'
import { violations } from './history-check.ts'
import { History } from './history.ts'
import { LostConnection, type TalkOptions } from '../clients/kmip-talk.ts'
import { randomFrom } from './load.ts'
import { disturb, disturbances, type Disturbance } from './disturbances.ts'
import type { TestNode } from '../server/nodes.ts'
import { openRecorded, Unexpected } from './recorded-talk.ts'
import type { ClientFiles } from '../server/server.ts'
import type { Topology } from './topology.ts'

export interface SoakOptions {
  readonly minutes: number
  /** The same seed gives the same choices, though not the same moments. */
  readonly seed: number
  readonly clients: number
  /** Called after each round. */
  readonly progress?: (done: SoakDone) => void
}

export interface SoakDone {
  readonly rounds: number
  readonly calls: number
  readonly keys: number
  readonly unanswered: number
  readonly disturbances: Readonly<Record<Disturbance, number>>
}

/** So many of the newest keys are in everybody's hands, and so many old ones are looked at again after each round. */
const [hotKeys, oldKeysChecked] = [12, 20]
/** After this many calls whose outcome nobody knows a key is only looked at: each doubles what it may be. */
const unknownMax = 4
const roundMs = { least: 3_000, most: 9_000 }
const recoveryMs = 90_000

/** Throws what it finds wrong, with the seed; otherwise tells how much was done. */
export async function soakNodes(topology: Topology, options: SoakOptions): Promise<SoakDone> {
  const { nodes } = topology
  const files = await nodes.one.server.issue('vcenter')
  const soak = new Soak(topology, files, options)
  try {
    return await soak.run()
  } catch (error) {
    const saved = path.join(tmpdir(), `mortise-history-${options.seed}.jsonl`)
    soak.history.save(saved)
    const happened = soak.happened()
    const said = nodes.both.map(({ name, server }) => `${name}: ${server.stderr().slice(-3_000)}`)
    const about = `seed ${options.seed}, history ${saved}`
    const database = await databaseSays(topology)
    throw new Error([`${about}: ${String(error)}`, happened, database, ...said].join('\n'), { cause: error })
  }
}

/** Tells which replica follows the primary, and which sessions hold or await the turn. */
async function databaseSays({ primary, replica }: Topology): Promise<string> {
  const ask = (what: string, sql: string) =>
    primary.sql(sql).then(
      ({ rows }) => `${what}: ${JSON.stringify(rows)}`,
      (error: unknown) => `${what}: ${String(error)}`,
    )
  const turns = `SELECT a.pid, granted, state, wait_event, query, now() - xact_start AS since, client_port
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE locktype = 'advisory'`
  return [
    `replica runs: ${replica.isRunning()}`,
    await ask(
      'replication',
      'SELECT application_name, state, sync_state, sent_lsn, flush_lsn FROM pg_stat_replication',
    ),
    await ask('turns', turns),
  ].join('\n')
}

class Soak {
  readonly history = new History()
  /** The disturbances so far, in order. */
  readonly #log: string[] = []
  #left: Disturbance[] = []
  readonly #topology: Topology
  readonly #files: ClientFiles
  readonly #options: SoakOptions
  readonly #random: () => number
  readonly #contended = new Contended()
  /** Calls with an unknown outcome, by key. */
  readonly #unknown = new Map<string, number>()
  readonly #counts = Object.fromEntries(disturbances.map((kind) => [kind, 0])) as Record<Disturbance, number>
  #unanswered = 0
  #rounds = 0
  #names = 0

  constructor(topology: Topology, files: ClientFiles, options: SoakOptions) {
    this.#topology = topology
    this.#files = files
    this.#options = options
    this.#random = randomFrom(options.seed)
  }

  async run(): Promise<SoakDone> {
    const endMs = performance.now() + this.#options.minutes * 60_000
    do {
      await this.#round()
      this.#rounds += 1
      this.#options.progress?.(this.#done)
    } while (performance.now() < endMs)
    await this.#check(Infinity)
    return this.#done
  }

  /** The last disturbances. */
  happened(): string {
    return this.#log.slice(-10).join('\n')
  }

  get #done(): SoakDone {
    return {
      rounds: this.#rounds,
      calls: this.history.count,
      keys: this.#contended.keys.size,
      unanswered: this.#unanswered,
      disturbances: this.#counts,
    }
  }

  async #round(): Promise<void> {
    this.#contended.forget()
    const stop = new AbortController()
    const clients = Promise.all(
      Array.from({ length: this.#options.clients }, (_, index) => this.#client(`c${index}`, stop.signal)),
    )
    const untilOver = (async () => {
      await sleep(this.#between(roundMs.least, roundMs.most) / 3)
      for (let left = 1 + Math.floor(this.#random() * 2); left > 0; left--) {
        await this.#disturb()
        await sleep(this.#between(roundMs.least, roundMs.most) / 3)
      }
    })()
    // A verdict before the end of the round must not wait for it.
    await Promise.race([untilOver, clients])
    await untilOver
    stop.abort()
    await clients
    for (const node of this.#topology.nodes.both) await this.#serves(node)
    await this.#check(oldKeysChecked)
  }

  /** One after the other from node to node, as a client does whose connection was lost. */
  async #client(name: string, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        await this.#connected(name, stop)
      } catch (error) {
        if (error instanceof Unexpected) throw error
        if (error instanceof LostConnection) this.#unanswered += 1
        await sleep(100)
      }
    }
  }

  async #connected(name: string, stop: AbortSignal): Promise<void> {
    const talk = await openRecorded(this.#talk(this.#anyNode), {
      history: this.history,
      client: name,
      mayFail: true,
      onUnknown: (key) => this.#unknown.set(key, (this.#unknown.get(key) ?? 0) + 1),
    })
    try {
      for (let steps = 0; steps < 50 && !stop.aborted; steps++) {
        const hot = [...this.#contended.touched]
          .filter((key) => (this.#unknown.get(key) ?? 0) < unknownMax)
          .slice(-hotKeys)
        const before = talk.unknown
        const place = { contended: this.#contended, random: this.#random, hot }
        await act(talk, place, `x-${name}-${++this.#names}`)
        if (talk.unknown > before) return await sleep(200, undefined)
      }
    } finally {
      talk.close()
    }
  }

  async #disturb(): Promise<void> {
    // Each kind once before any comes again.
    if (this.#left.length === 0) this.#left = [...disturbances]
    const [kind] = this.#left.splice(Math.floor(this.#random() * this.#left.length), 1)
    if (kind === undefined) return
    this.#counts[kind] += 1
    this.#log.push(`${Math.round(performance.now())} ms: ${kind}`)
    await disturb(kind, this.#topology, this.#random)
  }

  /** The node serves again by itself. */
  async #serves(node: TestNode): Promise<void> {
    const deadline = performance.now() + recoveryMs
    for (;;) {
      try {
        const talk = await openRecorded(this.#talk(node), { history: this.history, client: 'serves' })
        try {
          this.#contended.add(await talk.create())
          return
        } finally {
          talk.close()
        }
      } catch (error) {
        assert.ok(
          performance.now() < deadline,
          `the node ${node.name} does not serve again: ${String(error)}`,
        )
        await sleep(100)
      }
    }
  }

  /** Reads on both nodes all keys that were touched and some that were not, and judges their histories. */
  async #check(oldKeys: number): Promise<void> {
    const { keys, touched } = this.#contended
    const isChosen = () => oldKeys === Infinity || this.#random() < oldKeys / keys.size
    const chosen = new Set([...touched, ...[...keys].filter(isChosen)])
    for (const node of this.#topology.nodes.both) {
      const talk = await openRecorded(this.#talk(node), {
        history: this.history,
        client: `check ${node.name}`,
      })
      for (const key of chosen) {
        await talk.get(key)
        await talk.state(key)
        await talk.attributes(key)
      }
      talk.close()
      const proof = (await node.server.json('audit', 'verify')) as { readonly ok: boolean }
      assert.ok(proof.ok, JSON.stringify(proof))
    }
    assert.deepEqual(
      violations(this.history.keys, chosen).map(({ key, message }) => `${key}: ${message}`),
      [],
    )
  }

  get #anyNode(): TestNode {
    const { one, two } = this.#topology.nodes
    return this.#random() < 0.5 ? one : two
  }

  #between(least: number, most: number): number {
    return least + this.#random() * (most - least)
  }

  #talk({ server }: TestNode): TalkOptions {
    return { ...server.kmip, tls: this.#files.tls }
  }
}
