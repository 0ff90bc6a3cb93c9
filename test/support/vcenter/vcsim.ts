// vcsim, govmomi's simulator of vCenter's API, as a process of the test (go-programs.ts builds it).

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { fingerprint } from '../../../src/core/pki/fingerprint.ts'
import { buildGoProgram } from './go-programs.ts'

export interface Vcsim {
  /** `https://127.0.0.1:PORT/sdk` */
  readonly url: string
  readonly port: number
  /** SHA-256 of its certificate, lower-case hex. */
  readonly certificateSha256: string
  readonly certificatePem: string
  /** For a login, if the arguments name neither `-username` nor `-password`. */
  readonly username: string
  readonly password: string
  /** Ends it at once. A test that does not call it has it ended afterwards. */
  stop(): Promise<void>
}

export interface VcsimOptions {
  /** Flags of vcsim/main.go, as `['-vm', '10']`. */
  readonly arguments?: readonly string[]
}

/** The time that a test takes at the most which may be the first to build. */
export const vcsimTestTimeoutMs = 15 * 60_000

/** Undefined where vcsim cannot be built: the test is skipped then (test/allowed-skips.json). Ended after the test. */
export async function startVcsim(t: TestContext, options: VcsimOptions = {}): Promise<Vcsim | undefined> {
  const program = await buildGoProgram(t, 'vcsim')
  if (program === undefined) return undefined
  const vcsim = await start(program, options.arguments ?? [])
  t.after(() => vcsim.stop())
  return vcsim
}

async function start(program: string, words: readonly string[]): Promise<Vcsim> {
  const username = 'administrator@vsphere.local'
  const password = 'correct horse'
  const login = words.includes('-username') ? [] : ['-username', username, '-password', password]
  const child = spawn(program, [...login, ...words], { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = once(child, 'exit')
  const port = await listening(child)
  const certificate = await shownCertificate(port)
  return {
    url: `https://127.0.0.1:${port}/sdk`,
    port,
    certificateSha256: fingerprint(certificate.raw),
    certificatePem: certificate.toString(),
    username,
    password,
    stop: async () => {
      child.kill('SIGKILL')
      await gone
    },
  }
}

/** vcsim prints `{"host":"127.0.0.1:PORT"}` once it listens. */
async function listening(child: ChildProcess): Promise<number> {
  assert.ok(child.stdout)
  for await (const line of createInterface(child.stdout)) {
    const { host } = JSON.parse(line) as { readonly host: string }
    return Number(host.slice(host.lastIndexOf(':') + 1))
  }
  throw new Error('vcsim ended before it listened')
}

async function shownCertificate(port: number): Promise<X509Certificate> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const certificate = socket.getPeerX509Certificate()
  socket.resume().end()
  await once(socket, 'close')
  assert.ok(certificate)
  return certificate
}
