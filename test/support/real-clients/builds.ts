// Programs around other projects' clients, built with their own tools from versions that the repository pins, once for a machine: into the
// cache folder that vcsim has too, outside the checkout. A machine that lacks the tool or cannot reach its registry skips the test.

import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { skipOrFail } from '../server/skip.ts'

export interface Build {
  /** Names the result in the cache. */
  readonly name: string
  /** Files and folders whose content goes into a new folder. */
  readonly sources: readonly string[]
  /** A shell script, which runs in that folder and leaves the result, a file or a folder, in `$1`. */
  readonly script: string
  /** `$2` and further. */
  readonly words?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** The tool says so where its registry cannot be reached, lacks the version, or asks for a newer tool. */
  readonly notHere: RegExp
  /** Part of the name in the cache, beside the content of the sources: the version of the tool, where the result depends on it. */
  readonly tool?: string
}

/** The time that a test takes at the most which may be the first to build. */
export const clientTestTimeoutMs = 14 * 60_000
/** The slowest build takes some minutes on two cores. */
const buildLimitMs = 10 * 60_000

/** The file or folder that it made. Undefined where it cannot be made here: the test is skipped then (test/allowed-skips.json). */
export async function buildClient(t: TestContext, build: Build): Promise<string | undefined> {
  try {
    return await buildOnce(build)
  } catch (error) {
    const message = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
    if (!build.notHere.test(message)) throw error
    const line = message.split('\n').find((text) => build.notHere.test(text))
    skipClient(t, build.name, line?.trim() ?? message.trim())
    return undefined
  }
}

export function skipClient(t: TestContext, name: string, why: string): void {
  skipOrFail(t, `a real client cannot be had here: ${name}: ${why}`)
}

async function buildOnce(build: Build): Promise<string> {
  const cache = path.join(process.env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'), 'mortise-tests')
  const target = path.join(cache, `${build.name}-${contentDigest(build)}`)
  if (existsSync(target)) return target
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(path.join(cache, 'build-'))
  try {
    for (const source of build.sources)
      cpSync(source, path.extname(source) === '' ? folder : path.join(folder, path.basename(source)), {
        recursive: true,
      })
    // The test files run in processes of their own: one builds, and the others wait for the lock. What a killed build made stays in
    // its folder.
    const script = `set -e\n[ ! -e "$0" ] || exit 0\n${build.script}\nmv "$1" "$0"`
    const words = [
      path.join(cache, `${build.name}.lock`),
      'sh',
      '-c',
      script,
      target,
      path.join(folder, '.result'),
    ]
    await promisify(execFile)('flock', [...words, ...(build.words ?? [])], {
      cwd: folder,
      env: { ...process.env, ...build.env },
      timeout: buildLimitMs,
      maxBuffer: 64 * 1024 * 1024,
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return target
}

function contentDigest({ sources, script, tool = '' }: Build): string {
  const texts = sources.flatMap((source) =>
    path.extname(source) === ''
      ? readdirSync(source, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => path.join(entry.parentPath, entry.name))
          .toSorted()
          .map((file) => `${path.relative(source, file)}\0${readFileSync(file, 'utf8')}`)
      : [readFileSync(source, 'utf8')],
  )
  return hash('sha256', [script, tool, ...texts].join('\0')).slice(0, 16)
}
