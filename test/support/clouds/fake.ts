// A fake of a service of root keys as tests use it: started as a process of its own, and told what to do.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { CloudCalled, CloudFault } from './listener.ts'

interface Started {
  readonly host: string
  /** The same without TLS. */
  readonly metadata: string
  readonly control: string
  readonly caFile: string
}

export class CloudFake implements AsyncDisposable {
  readonly about: Started
  readonly ca: string
  /** For files that belong to it; removed with it. */
  readonly folder: string
  readonly #stop: () => Promise<void>

  private constructor(about: Started, ca: string, folder: string, stop: () => Promise<void>) {
    this.about = about
    this.ca = ca
    this.folder = folder
    this.#stop = stop
  }

  static async start(service: string): Promise<CloudFake> {
    const folder = await mkdtemp(path.join(tmpdir(), `mortise-${service}-`))
    const main = path.join(import.meta.dirname, 'main.ts')
    const args = ['--disable-warning=ExperimentalWarning', main, service, folder]
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = once(child, 'close')
    const line = await Promise.race([
      once(createInterface({ input: child.stdout }), 'line').then(([first]: string[]) => first),
      ended.then(() => undefined),
    ])
    assert.ok(line, 'the fake did not start')
    const about = JSON.parse(line) as Started
    return new CloudFake(about, await readFile(about.caFile, 'utf8'), folder, async () => {
      child.kill()
      await ended
      await rm(folder, { recursive: true, force: true })
    })
  }

  stop(): Promise<void> {
    return this.#stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stop()
  }

  async tell<T = unknown>(command: string, body: object = {}): Promise<T> {
    const response = await fetch(`${this.about.control}/${command}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    const text = await response.text()
    assert.equal(response.status, 200, text)
    return JSON.parse(text) as T
  }

  async fault(fault: CloudFault): Promise<void> {
    await this.tell('fault', fault)
  }

  /** The names of the calls since the last `forget-calls`, in order; with a name: those. */
  async calls(name?: string): Promise<readonly CloudCalled[]> {
    const calls = await this.tell<readonly CloudCalled[]>('calls')
    return name === undefined ? calls : calls.filter(({ call }) => call === name)
  }
}
