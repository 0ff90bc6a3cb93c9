// Installs Debian's packages for the tests, as root. Two kinds of them are only extracted, below node_modules/.cache: those that conflict
// with others of the list, and those of Debian 13 that Debian 12 lacks or has too old.

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

export interface Packages {
  readonly packages: readonly string[]
  /** Packages that conflict with others of the list: they are extracted below node_modules/.cache/debian, with what they need. */
  readonly extracted?: readonly string[]
  /**
   * Packages that Debian 12 lacks or has too old. There Debian 13's are extracted below node_modules/.cache/debian-13, these alone:
   * test/support/packages/debian-13.ts uses them. Other machines install their own.
   */
  readonly newer?: readonly string[]
}

const cache = path.resolve(import.meta.dirname, '../../node_modules/.cache')

export function allOf({ packages, extracted = [], newer = [] }: Packages): readonly string[] {
  return [...packages, ...extracted, ...newer]
}

export function installPackages(areas: readonly Packages[]): void {
  const release = readFileSync('/etc/os-release', 'utf8')
  const old = /^ID=debian$/m.test(release) && /^VERSION_ID="12"$/m.test(release)
  const newer = areas.flatMap((area) => area.newer ?? [])
  const names = [...areas.flatMap((area) => area.packages), ...(old ? [] : newer)]
  const extracted = areas.flatMap((area) => area.extracted ?? [])
  if (names.length + extracted.length > 0)
    process.stdout.write(`Installing ${[...names, ...extracted].join(', ')} for the tests\n`)
  apt('update', '-qq')
  if (names.length > 0 && !apt('install', '-y', '-qq', '--no-install-recommends', ...names))
    process.stdout.write(`apt-get could not install ${names.join(', ')}\n`)
  for (const name of extracted) extractWithNeeds(name)
  if (old && newer.length > 0) extractNewer(newer)
}

/** With those packages that it needs and this machine lacks. */
function extractWithNeeds(name: string): void {
  const archives = mkdtempSync(path.join(tmpdir(), 'mortise-packages-'))
  mkdirSync(path.join(archives, 'partial'))
  const options = ['-y', '-qq', '--no-install-recommends', '--download-only']
  if (!apt('install', ...options, '-o', `Dir::Cache::archives=${archives}`, name))
    process.stdout.write(`apt-get could not download ${name}\n`)
  extractAll(archives, path.join(cache, 'debian'))
  rmSync(archives, { recursive: true })
}

/** From Debian 13's own lists, which the machine's apt does not see. */
function extractNewer(names: readonly string[]): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-debian-13-'))
  const target = path.join(cache, 'debian-13')
  const sources = path.join(folder, 'sources.list')
  writeFileSync(
    sources,
    'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg target=Packages] http://deb.debian.org/debian trixie main\n',
  )
  writeFileSync(path.join(folder, 'status'), '')
  const options = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State=${folder}`,
    `Dir::State::status=${folder}/status`,
    `Dir::Cache=${folder}`,
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option])
  process.stdout.write(`Extracting Debian 13's ${names.join(', ')} for the tests\n`)
  const done =
    apt(...options, 'update', '-qq') &&
    spawnSync('apt-get', [...options, '-qq', 'download', ...names], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    }).status === 0
  if (!done) process.stdout.write(`apt-get could not download ${names.join(', ')}\n`)
  extractAll(folder, target)
  rmSync(folder, { recursive: true })
  wrapPrograms(target)
}

/** Debian 13's programs may need its own C library: bin/ starts each with the extracted libraries before the machine's. */
function wrapPrograms(folder: string): void {
  const programs = path.join(folder, 'usr/bin')
  if (!existsSync(programs)) return
  mkdirSync(path.join(folder, 'bin'), { recursive: true })
  const [loader] = globSync(path.join(folder, 'usr/lib/*-linux-gnu/ld-linux*.so.?'))
  for (const name of readdirSync(programs)) {
    const wrapper = path.join(folder, 'bin', name)
    const program = path.join(programs, name)
    const words = loader === undefined ? [program] : [loader, '--library-path', path.dirname(loader), program]
    writeFileSync(wrapper, `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(' ')} "$@"\n`)
    chmodSync(wrapper, 0o755)
  }
}

function extractAll(archives: string, target: string): void {
  mkdirSync(target, { recursive: true })
  for (const file of readdirSync(archives).filter((file) => file.endsWith('.deb')))
    spawnSync('dpkg', ['-x', path.join(archives, file), target], { stdio: 'inherit' })
}

function apt(...words: string[]): boolean {
  const { status } = spawnSync('apt-get', words, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: 5 * 60_000,
  })
  return status === 0
}
