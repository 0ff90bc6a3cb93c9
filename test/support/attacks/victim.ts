// The client that must not notice: it fetches one key again and again, on a connection that it keeps and on a fresh one
// each time, as vCenter does, and times the answers.

import { setTimeout as wait } from 'node:timers/promises'
import { openTalk, type KmipTalk, type TalkOptions } from '../clients/kmip-talk.ts'
import { states } from '../clients/kmip-talk.ts'

/** In milliseconds. */
export interface Latencies {
  readonly count: number
  readonly failed: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly worst: number
}

export interface VictimReport {
  /** TCP, TLS, Get, on a connection of its own. */
  readonly fresh: Latencies
  readonly kept: Latencies
}

const freshEveryMs = 40
const keptEveryMs = 10
/** Where vCenter gives up is ten seconds; an answer that takes longer is counted as failed. */
const patienceMs = 10_000

export class Victim implements Disposable {
  readonly #options: TalkOptions
  readonly #key: string
  #kept: KmipTalk | undefined

  private constructor(options: TalkOptions, key: string, kept: KmipTalk) {
    this.#options = options
    this.#key = key
    this.#kept = kept
  }

  /** Makes the key. The certificate must be trusted. */
  static async open(options: TalkOptions): Promise<Victim> {
    const talk = await openTalk(options)
    const key = await talk.create()
    await talk.activate(key)
    if ((await talk.state(key)) !== states.Active) throw new Error('the key did not become active')
    return new Victim(options, key, talk)
  }

  /** Goes on for `durationMs` from now, and for each of the two kinds until it has one answer. */
  async measure(durationMs: number): Promise<VictimReport> {
    const endMs = performance.now() + durationMs
    const [fresh, kept] = await Promise.all([
      repeat(endMs, freshEveryMs, () => this.#getOnFresh()),
      repeat(endMs, keptEveryMs, () => this.#getOnKept()),
    ])
    return { fresh, kept }
  }

  [Symbol.dispose](): void {
    this.#kept?.close()
  }

  async #getOnFresh(): Promise<void> {
    const talk = await openTalk(this.#options)
    try {
      await this.#get(talk)
    } finally {
      talk.close()
    }
  }

  async #getOnKept(): Promise<void> {
    this.#kept ??= await openTalk(this.#options)
    try {
      await this.#get(this.#kept)
    } catch (error) {
      this.#kept.close()
      this.#kept = undefined
      throw error
    }
  }

  async #get(talk: KmipTalk): Promise<void> {
    const answer = await talk.get(this.#key)
    if (!answer.ok) throw new Error(`Get was refused: ${answer.message}`)
  }
}

/** Acts again and again, with pauses, at least once. */
export async function repeat(endMs: number, everyMs: number, act: () => Promise<void>): Promise<Latencies> {
  const timesMs: number[] = []
  let failed = 0
  do {
    const before = performance.now()
    try {
      await within(patienceMs, act())
    } catch {
      failed += 1
    }
    timesMs.push(performance.now() - before)
    await wait(everyMs)
  } while (performance.now() < endMs)
  timesMs.sort((a, b) => a - b)
  const at = (part: number) => timesMs[Math.min(timesMs.length - 1, Math.floor(timesMs.length * part))] ?? NaN
  return { count: timesMs.length, failed, p50: at(0.5), p95: at(0.95), p99: at(0.99), worst: at(1) }
}

async function within<T>(ms: number, act: Promise<T>): Promise<T> {
  const late = new AbortController()
  const timeout = wait(ms, undefined, { signal: late.signal }).then(() => {
    throw new Error(`no answer in ${ms} ms`)
  })
  timeout.catch(() => undefined)
  try {
    return await Promise.race([act, timeout])
  } finally {
    late.abort()
  }
}
