// A clean root file system of Debian, made by mmdebstrap, in which packages are installed and programs run as on a machine of its
// own, but on the network of this one and without a booted systemd. Needs root.

import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { once } from 'node:events'
import type { CommandResult } from '../server/server.ts'

export interface CleanRoot extends Disposable {
  readonly folder: string
  /** A path in it, as seen from outside. */
  file(name: string): string
  /** Runs a command line of sh in it, as root; the variables of this process are not there. */
  run(line: string, env?: Readonly<Record<string, string>>): Promise<CommandResult>
  /** The same, which must succeed; what it printed. */
  must(line: string, env?: Readonly<Record<string, string>>): Promise<string>
  /** Starts a program, which must not fork, and which prints one line of JSON when it is ready. */
  start(...words: readonly [string, ...string[]]): Promise<StartedInside>
}

export interface StartedInside extends AsyncDisposable {
  readonly ready: Readonly<Record<string, string>>
  /** SIGTERM, and waits; the exit code. */
  stop(): Promise<number | null>
}

/** What the packages are tried on, and the code name of each. */
export const debians = [
  ['Debian 12', 'bookworm'],
  ['Debian 13', 'trixie'],
] as const
export type Suite = (typeof debians)[number][1]

/** `packages`: what is there besides the essential ones. */
export async function makeCleanRoot(suite: Suite, ...packages: readonly string[]): Promise<CleanRoot> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-root-'))
  // Nobody needs it after the test, so dpkg waits for no disk, now and later.
  const quick = ['--variant=minbase', '--quiet', '--dpkgopt=force-unsafe-io']
  const args = [...quick, `--include=${packages.join(',')}`, suite, folder]
  // A mmdebstrap that is killed leaves nothing mounted, which removing the folder would reach into.
  const made = await finish('unshare', ['--mount', 'mmdebstrap', ...args])
  if (made.code !== 0) throw new Error(`mmdebstrap: ${made.stderr}`)
  const run: CleanRoot['run'] = (line, env = {}) => finish(...entering(folder, ['sh', '-c', line]), env)
  return {
    folder,
    file: (name) => path.join(folder, name),
    run,
    must: async (line, env) => {
      const { code, stdout, stderr } = await run(line, env)
      if (code !== 0) throw new Error(`${line} ended with ${code}\n${stdout}${stderr}`)
      return stdout
    },
    start: (...words) => start(folder, words),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** /proc is mounted for this program and its children alone, so that nothing stays mounted. */
function entering(folder: string, words: readonly string[]): [string, string[]] {
  const enter = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
  return ['unshare', ['--mount', '--propagation', 'private', 'sh', '-c', enter, folder, ...words]]
}

async function start(folder: string, words: readonly string[]): Promise<StartedInside> {
  const [program, args] = entering(folder, words)
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment({}) })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const gone = once(child, 'close')
  const line = once(createInterface(child.stdout), 'line') as Promise<[string]>
  const first = await Promise.race([line, gone.then(() => undefined)])
  if (first === undefined) throw new Error(`${words.join(' ')} ended\n${said}`)
  const stop = async (): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    await gone
    return child.exitCode
  }
  return {
    ready: JSON.parse(first[0]) as Record<string, string>,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  }
}

function finish(program: string, args: readonly string[], env = {}): Promise<CommandResult> {
  return new Promise((resolve) => {
    const options = { env: environment(env), maxBuffer: 1 << 26 }
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      resolve({ code, stdout, stderr: error === null || stderr !== '' ? stderr : error.message })
    })
  })
}

function environment(more: Readonly<Record<string, string>>): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    DEBIAN_FRONTEND: 'noninteractive',
    ...more,
  }
}
