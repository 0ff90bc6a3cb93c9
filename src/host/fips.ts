// FIPS mode: finds out whether Node.js starts with OpenSSL's FIPS provider, writes the settings that make it do so (mortise fips
// setup), and starts this process again with them. They load that provider and no other, so that nothing else can compute, and
// they hold the checksum by which OpenSSL knows the module again.

import { spawnSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { environmentOfOthers } from '../outside/config/environment.ts'
import { fipsMode } from '../base/fips.ts'

/** FIPS mode cannot begin. The hint says what to do. */
export class FipsError extends Error {
  override readonly name = 'FipsError'
  readonly hint: string

  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options)
    this.hint = hint
  }
}

export interface FipsModule {
  /** The file of the module. */
  readonly path: string
  /** As OpenSSL's own installer read it from the module, such as `3.5.9`. */
  readonly version: string
}

const setUp = 'Run this once, as the administrator of the machine: mortise fips setup'

/** Starts this process again in FIPS mode, with the same words. Returns only if the process is in that mode already. Throws FipsError. */
export function enterFips(dataFolder: string): void {
  if (fipsMode) return
  const settings = settingsFile(dataFolder)
  requireStart(settings)
  const { execPath, execArgv, argv } = process
  if (process.execve === undefined || process.platform === 'win32')
    throw new FipsError('FIPS mode needs Linux', 'Set server.fips to false here.')
  process.execve(execPath, [execPath, ...nodeFlags(settings), ...execArgv, ...argv.slice(1)])
}

/** The version of the module that this process computes with; null: it is not in FIPS mode. */
export async function fipsVersion(dataFolder: string): Promise<string | null> {
  if (!fipsMode) return null
  const text = await readFile(settingsFile(dataFolder), 'utf8').catch(() => '')
  // Node.js does not tell it, and a process may have been started in FIPS mode by hand.
  return /^# OpenSSL FIPS provider (\S+): /m.exec(text)?.[1] ?? 'unknown'
}

/** Writes the settings of the data folder, which it makes if need be. `module`: the provider's file; left out: searched for. Throws FipsError. */
export async function setUpFips(dataFolder: string, module?: string): Promise<FipsModule> {
  const file = await findModule(module)
  await mkdir(dataFolder, { recursive: true, mode: 0o700 })
  const settings = settingsFile(dataFolder)
  const [installed, next] = [`${settings}.installed`, `${settings}.new`]
  try {
    const version = install(file, installed)
    await writeFile(next, settingsText({ path: file, version }, await readFile(installed, 'utf8')))
    requireStart(next)
    await rename(next, settings)
    return { path: file, version }
  } finally {
    await Promise.all([installed, next].map((left) => rm(left, { force: true })))
  }
}

function settingsFile(dataFolder: string): string {
  return path.join(dataFolder, 'fips.cnf')
}

function nodeFlags(settings: string): readonly string[] {
  return [`--openssl-config=${settings}`, '--force-fips']
}

/** Asks another process first: Node.js that cannot load the module aborts with a stack trace. Throws FipsError. */
function requireStart(settings: string): void {
  const tried = spawnSync(
    process.execPath,
    [...nodeFlags(settings), '-p', 'require("node:crypto").getFips()'],
    {
      encoding: 'utf8',
      env: environmentOfOthers(),
      timeout: 60_000,
    },
  )
  if (tried.status === 0 && tried.stdout.trim() === '1') return
  if (!existsSync(settings)) throw new FipsError(`there is no ${settings}, which says how`, setUp)
  const [why = 'it ended without a word'] = tried.stderr
    .split('\n')
    .filter((line) => /error|requires|fail/i.test(line))
  throw new FipsError(
    `Node.js does not start with the FIPS provider as ${settings} describes it: ${why.trim()}`,
    `If the module was replaced by an upgrade that you made, run: mortise fips setup. If no administrator replaced it, find out what happened to it first.`,
  )
}

const usualPlaces = [
  '/usr/lib',
  '/usr/lib64',
  '/usr/local/lib',
  '/usr/local/lib64',
  '/opt/openssl/lib*',
].flatMap((lib) => [`${lib}/ossl-modules/fips.so`, `${lib}/*/ossl-modules/fips.so`])

async function findModule(named: string | undefined): Promise<string> {
  const [place] = named === undefined ? globSync(usualPlaces) : [named]
  const file = place === undefined ? undefined : await realpath(place).catch(() => undefined)
  if (file !== undefined) return file
  const where =
    named === undefined ? 'There is no fips.so where OpenSSL keeps its modules' : `There is no ${named}`
  throw new FipsError(
    where,
    'Debian has it in the package openssl-provider-fips. For one in another place: mortise fips setup --module FILE',
  )
}

/** Has OpenSSL test the module and write its checksum to the file; the module's version. */
function install(module: string, file: string): string {
  const words = ['fipsinstall', '-pedantic', '-module', module, '-out', file]
  const done = spawnSync('openssl', words, { encoding: 'utf8', env: environmentOfOthers(), timeout: 60_000 })
  if (done.error)
    throw new FipsError(
      'The program openssl is missing, which tests the module',
      'Install it: apt-get install openssl',
      {
        cause: done.error,
      },
    )
  const [, version] = /^\s*version:\s*(\S+)/m.exec(done.stderr + done.stdout) ?? []
  if (done.status === 0 && version !== undefined) return version
  throw new FipsError(
    `${module} did not pass OpenSSL's own test: ${done.stderr.trim().split('\n').at(-1) ?? ''}`,
    'Install the module again, with an openssl of 3.4 or later beside it.',
  )
}

/** `installed`: what fipsinstall wrote: the section fips_sect, with the checksum and every check of the module. */
function settingsText({ path: file, version }: FipsModule, installed: string): string {
  return `# Written by: mortise fips setup
# OpenSSL FIPS provider ${version}: ${file}
nodejs_conf = nodejs_init

[nodejs_init]
providers = provider_sect
alg_section = algorithm_sect

[provider_sect]
fips = fips_sect
base = base_sect

[base_sect]
activate = 1

[algorithm_sect]
default_properties = fips=yes

${installed.replace(/^\[fips_sect\]$/m, `[fips_sect]\nmodule = ${file}`)}`
}
