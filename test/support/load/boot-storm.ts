// Three hundred hosts boot at once, and each gets its two keys on a connection of its own. In the midst the root key's service is
// lost; then the server is killed and starts again without it, so that it has no key in memory; then the service comes back.
// For every kind of root key; the test of a kind says how its service is lost.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf, openTalk, type Answer, type KmipTalk } from '../clients/kmip-talk.ts'
import { startServer, type TestServer } from '../server/server.ts'

const hosts = 300
const makers = 8
/** Hosts ask again after a while, as ESXi does. */
const againMs = 1_000
/** Refusals come after `rootKeySilenceMs` (4 s) on an idle machine; this one may be busy. */
const refusedWithinMs = 15_000
const unreachable =
  'the root key of this instance cannot be reached at the moment: mortise status on the key server says why'

export interface StormOptions {
  readonly rootKey: string
  /** More of `instance create`. */
  readonly args?: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** From now on the service is gone; or refuses, if `refusal` is given. */
  readonly lose: (server: TestServer) => Promise<unknown>
  readonly bringBack: (server: TestServer) => Promise<unknown>
  /** Called after each of the three times that all hosts booted. */
  readonly onBooted: (when: string) => Promise<unknown>
  /** What a host is told that refuses instead of being out of reach; what is in memory is not served either, then. */
  readonly refusal?: RegExp
  readonly say: (text: string) => void
}

interface Host {
  readonly keys: readonly string[]
  talk: KmipTalk
}

type Judge = (answer: Answer, ms: number) => void

class Storm {
  server: TestServer
  readonly #options: StormOptions
  /** By identifier, as it was when the key was made. */
  readonly #digests = new Map<string, string | undefined>()
  readonly #hosts: Host[] = []
  #tls = { cert: '', key: '' }

  constructor(server: TestServer, options: StormOptions) {
    this.server = server
    this.#options = options
  }

  async prepare(): Promise<void> {
    const { rootKey, args = [] } = this.#options
    const words = ['instance', 'create', 'vmware', '--root-key', rootKey, ...args]
    await this.server.json(...words, '--cache-seconds', '1', '--outage-seconds', '3600')
    const out = path.join(this.server.data, 'client')
    await this.server.json('client', 'issue', '--instance', 'vmware', '--name', 'esxi', '--out', out)
    const read = (file: string) => readFileSync(path.join(out, file), 'utf8')
    this.#tls = { cert: read('client.pem'), key: read('client.key') }
    const wanted = Array.from({ length: hosts }).values()
    await Promise.all(
      Array.from({ length: makers }, async () => {
        const talk = await this.#connect()
        for (const _ of wanted) {
          const keys = [await talk.create(), await talk.create()]
          for (const key of keys) this.#digests.set(key, digestOf(await talk.get(key)))
          this.#hosts.push({ keys, talk })
        }
        talk.close()
      }),
    )
    await this.connect()
  }

  #connect(): Promise<KmipTalk> {
    return openTalk({ ...this.server.kmip, tls: this.#tls })
  }

  /** Each host on a connection of its own. */
  async connect(): Promise<void> {
    await Promise.all(this.#hosts.map(async (host) => (host.talk = await this.#connect())))
  }

  close(): void {
    for (const { talk } of this.#hosts) talk.close()
  }

  /** SIGKILL, as a loss of power does it. */
  async restart(): Promise<void> {
    this.close()
    await this.server.kill()
    this.server = await startServer({ data: this.server.data, env: this.#options.env })
    await this.connect()
  }

  async boot(judge: Judge): Promise<void> {
    await Promise.all(this.#hosts.map((host) => this.#get(host, judge)))
  }

  async #get({ talk, keys }: Host, judge: Judge): Promise<void> {
    for (const key of keys) {
      const beganMs = performance.now()
      const answer = await talk.get(key)
      if (answer.ok) assert.equal(digestOf(answer), this.#digests.get(key), `other material: ${key}`)
      judge(answer, performance.now() - beganMs)
    }
  }

  /** The service is lost once a quarter of the keys has been served. */
  async bootWhileLosing(): Promise<void> {
    const { lose, refusal } = this.#options
    const lost = Promise.withResolvers<undefined>()
    let answered = 0
    await this.boot(({ ok, message }) => {
      if (++answered === hosts / 2) void lose(this.server).then(() => lost.resolve(undefined), lost.reject)
      if (refusal === undefined) assert.ok(ok, message)
      else if (!ok) assert.match(message ?? '', refusal)
    })
    await lost.promise
  }

  async bootInVain(): Promise<void> {
    const { refusal = new RegExp(unreachable), say } = this.#options
    let slowestMs = 0
    await this.boot(({ ok, message }, ms) => {
      slowestMs = Math.max(slowestMs, ms)
      assert.equal(ok, false, 'nobody can have opened it')
      assert.match(message ?? '', refusal)
    })
    say(`all were refused, the slowest after ${(slowestMs / 1000).toFixed(1)} s`)
    assert.ok(slowestMs < refusedWithinMs, `${Math.round(slowestMs)} ms`)
  }

  async bootUntilServed(): Promise<void> {
    const beganMs = performance.now()
    let attempts = 0
    await Promise.all(
      this.#hosts.map(async (host) => {
        for (let isServed = false; !isServed;) {
          isServed = true
          attempts++
          await this.#get(host, ({ ok }) => (isServed &&= ok))
          if (!isServed) await sleep(againMs)
        }
      }),
    )
    const seconds = ((performance.now() - beganMs) / 1000).toFixed(1)
    this.#options.say(`all were served after ${seconds} s and ${attempts} attempts`)
  }
}

/** Asserts all that must hold whatever the root key is. */
export async function bootStorm(options: StormOptions): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-storm-'))
  const server = await startServer({ data: path.join(folder, 'data'), env: options.env })
  const storm = new Storm(server, options)
  try {
    await storm.prepare()
    await storm.bootWhileLosing()
    await options.onBooted('while it was lost')
    await storm.restart()
    await storm.bootInVain()
    await options.onBooted('without a key in memory')
    await options.bringBack(storm.server)
    await storm.bootUntilServed()
    await options.onBooted('until all were served')
  } finally {
    storm.close()
    await storm.server.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}
