// vcsim, govmomi's simulator of vCenter's API, as a process of the test. The program is built from vcsim/main.go with the versions
// that vcsim/go.sum pins, once for a machine: into a cache folder outside the checkout. It needs Go and the Go module proxy.

import assert from 'node:assert/strict'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { hash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { fingerprint } from '../../../src/core/pki/fingerprint.ts'
import { fileOfDebian13 } from '../packages/debian-13.ts'
import { skipOrFail } from '../server/skip.ts'

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

const sources = path.join(import.meta.dirname, 'vcsim')
/** A first build compiles all of govmomi: 100 s on two cores. */
const buildLimitMs = 12 * 60_000
/** The time that a test takes at the most which may be the first to build. */
export const vcsimTestTimeoutMs = 15 * 60_000
/** By the file of Go. */
const built = new Map<string, Promise<string>>()
/** Go says so where its modules cannot be had: the module proxy is out of reach, forbidden or switched off. */
const noModules =
  /dial tcp|lookup|no such host|timeout|timed out|connection re(?:fused|set)|unreachable|GOPROXY=off|https?:\S+: \d{3} /i
/** Go of a version that is too old says so. */
const oldGo = /requires go >=|unknown directive|invalid go version/

/** Undefined where Go or its modules are missing: the test is skipped then (test/allowed-skips.json). Ended after the test. */
export async function startVcsim(t: TestContext, options: VcsimOptions = {}): Promise<Vcsim | undefined> {
  const go = goProgram()
  if (go === undefined) {
    skipOrFail(t, 'vcsim cannot be built here: there is no Go 1.23 or newer (https://go.dev/dl)')
    return undefined
  }
  let program: string
  try {
    program = await buildOnce(go)
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
    if (!noModules.test(said) && !oldGo.test(said)) throw error
    skipOrFail(t, `vcsim cannot be built here: ${said.trim().split('\n').at(-1)}`)
    return undefined
  }
  const vcsim = await start(program, options.arguments ?? [])
  t.after(() => vcsim.stop())
  return vcsim
}

interface Go {
  readonly command: string
  readonly env: Readonly<Record<string, string>>
}

/** Debian 13's, which scripts/test.ts extracts or installs, or the machine's own. */
function goProgram(): Go | undefined {
  const debian = fileOfDebian13('usr/lib/go-1.*/bin/go') ?? globSync('/usr/lib/go-1.2[3-9]/bin/go')[0]
  if (debian !== undefined) return { command: debian, env: { GOROOT: path.dirname(path.dirname(debian)) } }
  const folders = (process.env['PATH'] ?? '').split(path.delimiter)
  const own = folders.map((folder) => path.join(folder, 'go')).find((file) => existsSync(file))
  return own === undefined ? undefined : { command: own, env: {} }
}

function buildOnce(go: Go): Promise<string> {
  const known = built.get(go.command)
  if (known) return known
  const building = build(go)
  built.set(go.command, building)
  return building
}

async function build(go: Go): Promise<string> {
  const texts = ['main.go', 'go.mod', 'go.sum'].map((name) => readFileSync(path.join(sources, name), 'utf8'))
  const version = hash('sha256', texts.join('\0')).slice(0, 16)
  const cache = path.join(process.env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'), 'mortise-tests')
  const program = path.join(cache, `vcsim-${version}`)
  if (existsSync(program)) return program
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(path.join(cache, 'build-'))
  try {
    // Go would also look for a go.work and for version control above the sources.
    cpSync(sources, folder, { recursive: true })
    // The test files run in processes of their own: one builds, and the others wait for the lock.
    const words = [`${cache}/vcsim.lock`, 'sh', '-c', buildScript, program, go.command]
    await promisify(execFile)('flock', words, {
      cwd: folder,
      env: { ...process.env, ...go.env, GOWORK: 'off', CGO_ENABLED: '0' },
      timeout: buildLimitMs,
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return program
}

/** $0 is the program, $1 is Go. Everything else of Go's settings is as the machine has it. */
const buildScript =
  '[ -e "$0" ] || { "$1" build -mod=readonly -trimpath -buildvcs=false -o vcsim . && mv vcsim "$0"; }'

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
