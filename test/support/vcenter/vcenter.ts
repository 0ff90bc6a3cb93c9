// A vCenter for a test: vcsim, and before it the proxy, a process of its own, that answers what vcsim lacks. The test speaks to the
// proxy alone, and tells it what goes wrong.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import type { CryptoState } from './hosts.ts'
import type { Ref } from './soap.ts'
import type { Trouble } from './troubles.ts'
import type { KeyId, VcsimAddress } from './vcsim-client.ts'
import { startVcsim, type VcsimOptions } from './vcsim.ts'

/** What the proxy prints when it serves. */
interface Started {
  readonly host: string
  readonly port: number
  readonly sha256: string
  readonly certificate: string
  readonly control: string
}

export interface ShownCertificate {
  /** SHA-256 of the certificate, lower-case hex. */
  readonly sha256: string
  /** PEM. */
  readonly certificate: string
}

export class Vcenter {
  readonly host: string
  readonly port: number
  readonly username: string
  readonly password: string
  /** The certificate that it shows at first. */
  readonly shown: ShownCertificate
  readonly #control: string

  constructor(started: Started, { user, password }: VcsimAddress) {
    this.host = started.host
    this.port = started.port
    this.shown = started
    this.#control = started.control
    this.username = user
    this.password = password
  }

  /** Has something go wrong, once unless it says more. */
  async trouble(trouble: Trouble): Promise<void> {
    await this.#tell('trouble', trouble)
  }

  /** Nothing goes wrong any more. */
  async calm(): Promise<void> {
    await this.#tell('calm')
  }

  /** The names of the methods that were called since the last `forgetCalls`, in order. */
  calls(): Promise<readonly string[]> {
    return this.#tell('calls')
  }

  async forgetCalls(): Promise<void> {
    await this.#tell('forget-calls')
  }

  /** Ends all sessions. Returns how many there were. */
  endSessions(): Promise<number> {
    return this.#tell('end-sessions')
  }

  /** From now on it shows another certificate; open connections end. */
  changeCertificate(): Promise<ShownCertificate> {
    return this.#tell('certificate')
  }

  /** The certificate that it shows now, after a trouble `certificate` too. */
  shownNow(): Promise<ShownCertificate> {
    return this.#tell('shown')
  }

  /** The user lacks these privileges from now on, on one object or on all, and no others there: `[]` gives all back. */
  async lackPrivileges(lacks: readonly string[], on?: Ref): Promise<void> {
    await this.#tell('privileges', { lacks, on })
  }

  async setHost(host: Ref, state: CryptoState, key?: KeyId): Promise<void> {
    await this.#tell('host-state', { host, state, key })
  }

  /** Gives a first-class disk this key. */
  async setDiskKey(disk: string, key: KeyId): Promise<void> {
    await this.#tell('disk-key', { disk, key })
  }

  /** A locked machine: its host lacks a key. */
  async lock(vm: Ref, locked = true): Promise<void> {
    await this.#tell('lock', { vm, locked })
  }

  /** What key servers' answers lacked of what vSphere needs. */
  violations(): Promise<readonly string[]> {
    return this.#tell('violations')
  }

  async #tell<T>(command: string, body: object = {}): Promise<T> {
    const response = await fetch(`${this.#control}/${command}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    const text = await response.text()
    assert.equal(response.status, 200, text)
    return JSON.parse(text) as T
  }
}

/** Undefined where vcsim cannot be built: the test is skipped then. Ended after the test. */
export async function startVcenter(t: TestContext, options: VcsimOptions = {}): Promise<Vcenter | undefined> {
  const vcsim = await startVcsim(t, options)
  if (!vcsim) return undefined
  const { username: user, password } = vcsim
  const address: VcsimAddress = { host: `127.0.0.1:${vcsim.port}`, user, password }
  const main = path.join(import.meta.dirname, 'main.ts')
  const args = ['--disable-warning=ExperimentalWarning', main, JSON.stringify(address)]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  t.after(async () => {
    child.kill()
    await ended
  })
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([first]: string[]) => first),
    ended.then(() => undefined),
  ])
  assert.ok(line, 'the proxy did not start')
  return new Vcenter(JSON.parse(line) as Started, address)
}
