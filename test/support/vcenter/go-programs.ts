// Programs of govmomi, built by Go from vcsim/ with the versions that vcsim/go.sum pins, once for a machine: into a cache folder outside
// the checkout. It needs Go and the Go module proxy.

import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { fileOfDebian13 } from '../packages/debian-13.ts'
import { skipOrFail } from '../server/skip.ts'

export type GoProgram = 'vcsim' | 'govc'

/** The folder of each program's main.go, in the module. */
const folders: Readonly<Record<GoProgram, string>> = { vcsim: '.', govc: './govc' }

const sources = path.join(import.meta.dirname, 'vcsim')
/** A first build compiles all of govmomi: 100 s on two cores. */
const buildLimitMs = 12 * 60_000
/** By the program and the file of Go. */
const built = new Map<string, Promise<string>>()
/** Go says so where its modules cannot be had: the module proxy is out of reach, forbidden or switched off. */
const noModules =
  /dial tcp|lookup|no such host|timeout|timed out|connection re(?:fused|set)|unreachable|GOPROXY=off|https?:\S+: \d{3} /i
/** Go of a version that is too old says so. */
const oldGo = /requires go >=|unknown directive|invalid go version/

/** The program's file. Undefined where Go or its modules are missing: the test is skipped then (test/allowed-skips.json). */
export async function buildGoProgram(t: TestContext, program: GoProgram): Promise<string | undefined> {
  const go = goCommand()
  if (go === undefined) {
    skipOrFail(t, `${program} cannot be built here: there is no Go 1.23 or newer (https://go.dev/dl)`)
    return undefined
  }
  try {
    return await buildOnce(go, program)
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
    if (!noModules.test(said) && !oldGo.test(said)) throw error
    skipOrFail(t, `${program} cannot be built here: ${said.trim().split('\n').at(-1)}`)
    return undefined
  }
}

interface Go {
  readonly command: string
  readonly env: Readonly<Record<string, string>>
}

/** Debian 13's, which scripts/test.ts extracts or installs, or the machine's own. */
function goCommand(): Go | undefined {
  const debian = fileOfDebian13('usr/lib/go-1.*/bin/go') ?? globSync('/usr/lib/go-1.2[3-9]/bin/go')[0]
  if (debian !== undefined) return { command: debian, env: { GOROOT: path.dirname(path.dirname(debian)) } }
  const places = (process.env['PATH'] ?? '').split(path.delimiter)
  const own = places.map((place) => path.join(place, 'go')).find((file) => existsSync(file))
  return own === undefined ? undefined : { command: own, env: {} }
}

function buildOnce(go: Go, program: GoProgram): Promise<string> {
  const name = `${program} ${go.command}`
  const known = built.get(name)
  if (known) return known
  const building = build(go, program)
  built.set(name, building)
  return building
}

async function build(go: Go, program: GoProgram): Promise<string> {
  const files = [path.join(folders[program], 'main.go'), 'go.mod', 'go.sum']
  const texts = files.map((file) => readFileSync(path.join(sources, file), 'utf8'))
  const version = hash('sha256', texts.join('\0')).slice(0, 16)
  const cache = path.join(process.env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'), 'mortise-tests')
  const target = path.join(cache, `${program}-${version}`)
  if (existsSync(target)) return target
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(path.join(cache, 'build-'))
  try {
    // Go would also look for a go.work and for version control above the sources.
    cpSync(sources, folder, { recursive: true })
    // The test files run in processes of their own: one builds, and the others wait for the lock.
    const words = [`${cache}/vcsim.lock`, 'sh', '-c', buildScript, target, go.command, folders[program]]
    await promisify(execFile)('flock', words, {
      cwd: folder,
      env: { ...process.env, ...go.env, GOWORK: 'off', CGO_ENABLED: '0' },
      timeout: buildLimitMs,
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return target
}

/** $0 is the program, $1 is Go, $2 is the folder of main.go. Everything else of Go's settings is as the machine has it. */
const buildScript =
  '[ -e "$0" ] || { "$1" build -mod=readonly -trimpath -buildvcs=false -o program.part "$2" && mv program.part "$0"; }'
