// A receiver of the audit log is cut off for a while under load, in one of two ways, and comes back. Meanwhile the server goes on
// and is killed now and then. Afterwards every entry is counted in the receiver's file. Used by scripts/soak.ts and
// test/real/siem/outage.test.ts.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:tls'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LostConnection, openTalk, type KmipTalk } from '../clients/kmip-talk.ts'
import { metricsText } from '../server/metrics.ts'
import { residentBytes } from '../server/process-usage.ts'
import { startServer, type ClientFiles, type TestServer } from '../server/server.ts'
import { judge, type Judged, type SyslogDaemon } from '../syslog/daemons.ts'

export interface SiemSoakOptions {
  readonly daemon: SyslogDaemon
  /**
   * stopped: nothing listens. hangs: the receiver stops in the midst of its work and is killed; what takes its place then makes
   * connections with TLS and never reads.
   */
  readonly how: 'stopped' | 'hangs'
  readonly minutes: { readonly before: number; readonly cutOff: number }
  /** The server is killed so often in the time, evenly spread. */
  readonly kills: number
  /** Gets and Creates; one in five is a Create. */
  readonly perSecond: number
  readonly say: (text: string) => void
}

export interface SiemSoakDone extends Judged {
  readonly calls: number
  /** Connections that a kill of the server cut off. */
  readonly cutOff: number
  readonly getMs: Readonly<Record<Phase, Latencies>>
  readonly residentMebibytes: { readonly before: number; readonly most: number; readonly after: number }
  readonly lagSecondsMost: number
  /** When the condition siem-behind first held, from the beginning of the outage. */
  readonly conditionAfterSeconds: number | null
  /** From the receiver's return until it had what had been waiting, while the load went on. */
  readonly caughtUpSeconds: number
}

type Phase = 'before' | 'during' | 'after'

interface Latencies {
  readonly calls: number
  readonly p50: number
  readonly p99: number
  readonly most: number
}

const clients = 6
const looksMs = 5_000
/** What the load enters while it goes on is proved half a minute later, and counts five seconds after that. */
const inStepSeconds = 60

export async function soakSiem(options: SiemSoakOptions): Promise<SiemSoakDone> {
  const data = mkdtempSync(path.join(tmpdir(), 'mortise-siem-soak-'))
  const soak = new SiemSoak(options, data)
  try {
    return await soak.run()
  } finally {
    await soak.end()
    rmSync(data, { recursive: true, force: true })
  }
}

class SiemSoak {
  readonly #options: SiemSoakOptions
  readonly #data: string
  #server!: TestServer
  #files!: ClientFiles
  #serving = Promise.withResolvers<undefined>()
  #phase: Phase = 'before'
  readonly #getMs: Record<Phase, number[]> = { before: [], during: [], after: [] }
  readonly #keys: string[] = []
  #calls = 0
  #cutOff = 0
  readonly #stopping = new AbortController()
  readonly #resident: Record<Phase, number[]> = { before: [], during: [], after: [] }
  #lagSecondsMost = 0

  constructor(options: SiemSoakOptions, data: string) {
    this.#options = options
    this.#data = data
  }

  async run(): Promise<SiemSoakDone> {
    const { daemon, how, minutes, kills, say } = this.#options
    await daemon.start()
    await this.#start()
    this.#files = await this.#server.issue('vcenter')
    const load = Promise.all(Array.from({ length: clients }, (_, index) => this.#client(index)))
    load.catch((error: unknown) => this.#stopping.abort(error))
    await this.#watch(minutes.before * 60)
    say(`before: ${JSON.stringify(latenciesOf(this.#getMs.before))}`)

    await using hole = await this.#cut(how)
    this.#phase = 'during'
    const condition = await this.#outage(minutes.cutOff * 60, kills)
    say(`cut off: ${JSON.stringify(latenciesOf(this.#getMs.during))}`)
    await hole[Symbol.asyncDispose]()
    await daemon.start()
    this.#phase = 'after'
    const beganMs = performance.now()
    while ((await this.#look()) > inStepSeconds)
      await sleep(1_000, undefined, { signal: this.#stopping.signal })
    const caughtUpSeconds = Math.round((performance.now() - beganMs) / 1000)
    say(`caught up after ${caughtUpSeconds} s`)
    await this.#watch(minutes.before * 60)
    this.#stopping.abort()
    await load
    return {
      ...(await this.#count()),
      ...this.#measured(),
      conditionAfterSeconds: condition,
      caughtUpSeconds,
    }
  }

  async end(): Promise<void> {
    this.#stopping.abort()
    await this.#server.kill()
  }

  /** Resolves once the server says so; clients wait for that. */
  async #start(): Promise<void> {
    const { env } = this.#options.daemon
    this.#server = await startServer({ data: this.#data, env })
    this.#serving.resolve(undefined)
  }

  async #kill(): Promise<void> {
    this.#serving = Promise.withResolvers()
    await this.#server.kill()
    await this.#start()
  }

  /** Cuts it off; what it returns ends what has taken its place. */
  async #cut(how: SiemSoakOptions['how']): Promise<AsyncDisposable> {
    const { daemon } = this.#options
    if (how === 'stopped') {
      await daemon.end('SIGTERM')
      return { [Symbol.asyncDispose]: async () => {} }
    }
    daemon.pause()
    // As long as it takes for what was sent to be thought safe, if bytes that wait unread were enough.
    await sleep(20_000)
    await daemon.end('SIGKILL')
    return blackHole(daemon)
  }

  /** Returns after how many seconds the condition held. */
  async #outage(seconds: number, kills: number): Promise<number | null> {
    const { say } = this.#options
    const beganMs = performance.now()
    let condition: number | null = null
    for (let part = 0; part <= kills; part++) {
      await this.#watch(seconds / (kills + 1), async () => {
        condition ??= (await this.#isTold()) ? Math.round((performance.now() - beganMs) / 1000) : null
      })
      if (part === kills) break
      await this.#kill()
      say(`the server was killed and is back; ${this.#calls} calls so far`)
    }
    return condition
  }

  async #watch(seconds: number, also: () => Promise<void> = async () => {}): Promise<void> {
    for (const untilMs = performance.now() + seconds * 1000; performance.now() < untilMs;) {
      await this.#look()
      await also()
      const leftMs = Math.max(0, untilMs - performance.now())
      await sleep(Math.min(looksMs, leftMs), undefined, { signal: this.#stopping.signal }).catch(() => {
        throw this.#stopping.signal.reason
      })
    }
  }

  /** Notes memory and lag; returns the lag in seconds. */
  async #look(): Promise<number> {
    this.#resident[this.#phase].push(residentBytes(this.#server.process.pid ?? 0))
    const ask = () => metricsText({ admin: this.#server.admin, data: this.#data })
    // The server may end a kept connection just as it is used again.
    const text = await ask().catch(ask)
    const lag = Number(/^mortise_siem_lag_seconds\{[^}]*\} (\S+)$/m.exec(text)?.[1])
    assert.ok(Number.isFinite(lag), 'the lag is a metric')
    this.#lagSecondsMost = Math.max(this.#lagSecondsMost, Math.round(lag))
    return lag
  }

  async #isTold(): Promise<boolean> {
    const status = await this.#server.json('status')
    return JSON.stringify(status).includes('"siem-behind"')
  }

  /** One call at a time, at its share of the rate. */
  async #client(index: number): Promise<void> {
    const everyMs = (1000 * clients) / this.#options.perSecond
    const { signal } = this.#stopping
    let talk: KmipTalk | undefined
    for (let dueMs = performance.now() + (everyMs * index) / clients; !signal.aborted; dueMs += everyMs) {
      const nowMs = performance.now()
      if (dueMs < nowMs - 1000) dueMs = nowMs
      await sleep(Math.max(0, dueMs - nowMs), undefined, { signal }).catch(() => {})
      try {
        await this.#serving.promise
        talk ??= await openTalk({ ...this.#server.kmip, tls: this.#files.tls })
        await this.#call(talk)
      } catch (error) {
        if (!(error instanceof LostConnection) && !isConnectionError(error)) throw error
        this.#cutOff++
        talk?.close()
        talk = undefined
      }
    }
    talk?.close()
  }

  async #call(talk: KmipTalk): Promise<void> {
    const key = this.#keys[Math.floor(Math.random() * this.#keys.length)]
    const phase = this.#phase
    if (key === undefined || Math.random() < 0.2) this.#keys.push(await talk.create())
    else {
      const beganMs = performance.now()
      const { ok, message } = await talk.get(key)
      assert.ok(ok, message)
      this.#getMs[phase].push(performance.now() - beganMs)
    }
    this.#calls++
  }

  async #count(): Promise<Judged> {
    const { daemon, say } = this.#options
    const told = (await this.#server.json('siem', 'test')) as { readonly ok: boolean }
    assert.equal(told.ok, true, this.#server.stderr().slice(-2000))
    await daemon.end('SIGTERM')
    const log = path.join(this.#data, 'export.jsonl')
    await this.#server.json('audit', 'export', log)
    say('counting')
    return judge(daemon.place.output, log)
  }

  #measured() {
    const { before, during, after } = this.#resident
    return {
      calls: this.#calls,
      cutOff: this.#cutOff,
      getMs: {
        before: latenciesOf(this.#getMs.before),
        during: latenciesOf(this.#getMs.during),
        after: latenciesOf(this.#getMs.after),
      },
      residentMebibytes: {
        before: mebibytes(before),
        most: mebibytes([...during, ...after]),
        after: mebibytes(after.slice(-1)),
      },
      lagSecondsMost: this.#lagSecondsMost,
    }
  }
}

function mebibytes(samples: readonly number[]): number {
  return Math.round(Math.max(...samples) / 2 ** 20)
}

function isConnectionError(error: unknown): boolean {
  const { code = '', message } = error as NodeJS.ErrnoException
  return ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(code) || /closed before the handshake/.test(message)
}

function latenciesOf(ms: readonly number[]): Latencies {
  const sorted = Float64Array.from(ms).toSorted()
  const at = (share: number) => Number((sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1))
  return { calls: sorted.length, p50: at(0.5), p99: at(0.99), most: at(1) }
}

/** In the place of a receiver: makes connections with TLS, and never reads. */
async function blackHole({ place }: SyslogDaemon): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>()
  const [ca, cert, key] = [place.ca, place.cert, place.key].map((file) => readFileSync(file))
  const server: Server = createServer({ ca, cert, key }, (socket) => {
    socket.pause()
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    sockets.add(socket)
  })
  server.listen(place.port, '127.0.0.1')
  await once(server, 'listening')
  return {
    [Symbol.asyncDispose]: async () => {
      if (!server.listening) return
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
