// `npm run without-feature -- [FEATURE...]`: deletes each feature that a server can lack, its folder and its lines in src/program/features.ts,
// from a copy of src/, compiles what remains and starts a server from it. Where a setting needs the feature, that server must not start.

import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { featureList, optionalFeatures } from '../test/support/repository/structure.ts'
import { argumentsOf, misused } from './arguments.ts'

const root = path.join(import.meta.dirname, '..')
const usage = 'without-feature -- [FEATURE...]'
/** A server that has not said that it serves by then does not start. */
const startMs = 60_000

/** Settings that need the feature: with them a server that lacks it must not start. */
const needing: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  approvals: { MORTISE_APPROVAL_FOR: 'key destroy' },
  siem: { MORTISE_SIEM_FILE: 'audit.jsonl' },
}

const { positionals } = argumentsOf(usage, { options: {}, allowPositionals: true })
const optional = optionalFeatures(readFileSync(path.join(root, featureList), 'utf8'))
const unknown = positionals.find((name) => !optional.has(name))
if (unknown !== undefined)
  misused(
    usage,
    `${unknown} is no feature that a server can lack; there are ${[...optional.keys()].join(', ')}`,
  )

let failures = 0
for (const [name, lines] of optional) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  const trouble = await without(name, lines)
  process.stdout.write(`${name}: ${trouble ?? 'compiles and starts without it'}\n`)
  if (trouble !== undefined) failures++
}
process.exitCode = failures === 0 ? 0 : 1

/** undefined: it compiles and starts, and does not where a setting needs the feature. */
async function without(name: string, lines: string): Promise<string | undefined> {
  const copy = mkdtempSync(path.join(tmpdir(), 'mortise-without-'))
  try {
    cpSync(path.join(root, 'src'), path.join(copy, 'src'), { recursive: true })
    for (const file of ['package.json', 'tsconfig.json']) cpSync(path.join(root, file), path.join(copy, file))
    symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'))
    rmSync(path.join(copy, 'src/features', name), { recursive: true })
    const list = path.join(copy, featureList)
    const itsImports = new RegExp(`^import .* from '../features/${name}/.*\n`, 'gm')
    writeFileSync(list, readFileSync(list, 'utf8').replace(lines, '').replaceAll(itsImports, ''))
    const trouble = compiled(copy) ?? (await started(copy))
    const settings = needing[name]
    if (trouble !== undefined || settings === undefined) return trouble
    const refused = await started(copy, settings)
    return refused?.includes(`no feature ${name}`) === true
      ? undefined
      : `starts all the same\n${refused ?? ''}`
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

function compiled(copy: string): string | undefined {
  writeFileSync(
    path.join(copy, 'tsconfig.without.json'),
    '{ "extends": "./tsconfig.json", "include": ["src"] }',
  )
  const tsc = path.join(copy, 'node_modules/.bin/tsc')
  const { status, stdout } = spawnSync(tsc, ['-p', 'tsconfig.without.json'], { cwd: copy, encoding: 'utf8' })
  return status === 0 ? undefined : `does not compile\n${stdout}`
}

/** undefined: it serves. */
async function started(
  copy: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  const place = ['--data', path.join(copy, 'data'), '--kmip', '127.0.0.1:0', '--admin', '127.0.0.1:0']
  const server = spawn(process.execPath, [...process.execArgv, 'src/program/main.ts', 'serve', ...place], {
    cwd: copy,
    env: { ...process.env, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  const serves = new Promise<boolean>((resolve) => {
    const hear = (bytes: Buffer) => {
      said += bytes.toString()
      if (said.includes('Mortise serves.')) resolve(true)
    }
    server.stdout.on('data', hear)
    server.stderr.on('data', hear)
    server.once('exit', () => resolve(false))
    setTimeout(() => resolve(false), startMs).unref()
  })
  const isServing = await serves
  const ended = new Promise((resolve) => server.once('exit', resolve))
  if (server.exitCode === null && server.kill()) await ended
  return isServing ? undefined : `does not start\n${said}`
}
