// SoftHSM2 in a folder of its own: tokens that tests make, take away and bring back, and a module before it that fails as it is told
// (faults.c). SoftHSM finds its tokens by the environment, so that `env` must reach the process that loads the module.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Pkcs11Tokens } from '../../../src/outside/rootkey/pkcs11/tokens.ts'
import { parsePkcs11Uri } from '../../../src/outside/rootkey/pkcs11/uri.ts'
import type { Clock } from '../../../src/core/ports/clock.ts'
import { systemClock } from '../../../src/host/system-clock.ts'

export class SoftHsm {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'mortise-softhsm-'))
  readonly module = path.join(this.folder, 'faults.so')
  readonly pinFile = path.join(this.folder, 'pin')
  readonly #faults = path.join(this.folder, 'faults')
  readonly #tokens = path.join(this.folder, 'tokens')
  #taken = 0
  readonly env: Readonly<Record<string, string>>

  constructor() {
    const [softhsm] = globSync('/usr/lib/{,*/}softhsm/libsofthsm2.so')
    assert.ok(softhsm, 'Debian has it in the package libsofthsm2')
    const conf = path.join(this.folder, 'softhsm2.conf')
    writeFileSync(
      conf,
      `directories.tokendir = ${this.#tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
    )
    this.env = { SOFTHSM2_CONF: conf, MORTISE_TEST_FAULTS: this.#faults, MORTISE_TEST_SOFTHSM: softhsm }
    mkdirSync(this.#tokens)
    this.tell()
    const source = path.join(import.meta.dirname, 'faults.c')
    execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', this.module, source])
    this.setPin('1234')
  }

  /** The URI of a key on a token. */
  uri(token: string, object: string): string {
    return `pkcs11:token=${token};object=${object}?pin-source=file:${this.pinFile}`
  }

  makeToken(label: string, pin = '1234'): void {
    const args = ['--init-token', '--free', '--label', label, '--pin', pin, '--so-pin', '87654321']
    execFileSync('softhsm2-util', args, { env: { ...process.env, ...this.env }, stdio: 'pipe' })
  }

  /** The AES key is made by Mortise. */
  async makeKey(token: string, object: string, wanted = ''): Promise<void> {
    const tokens = this.open()
    try {
      const uri = parsePkcs11Uri(this.uri(token, object) + wanted)
      await tokens.token(uri).call('create', { key: uri.key })
    } finally {
      tokens.close()
    }
  }

  /** `pkcs11-tool` with these arguments, logged in. */
  tool(token: string, ...args: readonly string[]): string {
    const { MORTISE_TEST_SOFTHSM: softhsm = '' } = this.env
    const all = ['--module', softhsm, '--token-label', token, '--login', '--pin', '1234', ...args]
    return execFileSync('pkcs11-tool', all, {
      env: { ...process.env, ...this.env },
      stdio: 'pipe',
    }).toString()
  }

  /** In DER. */
  readPublicKey(token: string, object: string): Buffer {
    const file = path.join(this.folder, 'public.der')
    this.tool(token, '--read-object', '--type', 'pubkey', '--label', object, '--output-file', file)
    return readFileSync(file)
  }

  /** What goes wrong from now on: lines of faults.c. */
  tell(...lines: readonly string[]): void {
    writeFileSync(`${this.#faults}.new`, lines.map((line) => `${line}\n`).join(''))
    renameSync(`${this.#faults}.new`, this.#faults)
  }

  /**
   * How often somebody has tried a PIN (logins), has begun a call that does not return (hangs), or one beside another of a module
   * that lacks locks (overlaps).
   */
  noted(what: 'logins' | 'hangs' | 'overlaps'): number {
    try {
      return readFileSync(`${this.#faults}.${what}`, 'utf8').split('\n').length - 1
    } catch {
      return 0
    }
  }

  setPin(pin: string): void {
    writeFileSync(this.pinFile, `${pin}\n`, { mode: 0o600 })
  }

  /** All tokens are gone until the returned function is called. */
  takeAway(): () => void {
    const away = `${this.#tokens}.away${++this.#taken}`
    renameSync(this.#tokens, away)
    return () => {
      rmSync(this.#tokens, { recursive: true, force: true })
      renameSync(away, this.#tokens)
    }
  }

  /** For other tokens, after takeAway. */
  begin(): void {
    mkdirSync(this.#tokens)
  }

  /** In the process of the test, to which `useEnvironment` must have given `env`. */
  open(
    options: { readonly clock?: Clock; readonly dataFolder?: string; readonly ended?: string[] } = {},
  ): Pkcs11Tokens {
    const { clock = systemClock, dataFolder = path.join(this.folder, 'data'), ended = [] } = options
    mkdirSync(dataFolder, { recursive: true })
    const onEnded = ({ reason }: { readonly reason: string }) => void ended.push(reason)
    return new Pkcs11Tokens({ modules: [this.module], credentialsFolder: null, dataFolder, clock, onEnded })
  }

  /** Gives this process the environment that SoftHSM needs, until the returned function is called. */
  useEnvironment(): () => void {
    const before = Object.keys(this.env).map((name) => [name, process.env[name]] as const)
    Object.assign(process.env, this.env)
    return () => {
      for (const [name, value] of before)
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
