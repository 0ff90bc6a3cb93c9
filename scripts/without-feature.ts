// `npm run without-feature -- [FEATURE...]`: deletes each feature that a server can lack, its folder and its lines in src/program/features.ts,
// from a copy of src/, compiles what remains, starts a server from it, and says which do not.

import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { argumentsOf, misused } from './arguments.ts'

const root = path.join(import.meta.dirname, '..')
const listFile = 'src/program/features.ts'
const usage = 'without-feature -- [FEATURE...]'
/** A server that has not said that it serves by then does not start. */
const startMs = 60_000

const { positionals } = argumentsOf(usage, { options: {}, allowPositionals: true })
const optional = optionalFeatures(readFileSync(path.join(root, listFile), 'utf8'))
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

/** By folder: the text of its entry in the list. */
function optionalFeatures(list: string): ReadonlyMap<string, string> {
  const [, entries = ''] = /^const optional = \{\n(.*?)^\}/ms.exec(list) ?? []
  const found = entries.matchAll(/^ {2}\w+: \{(?:\n.*?^ {2}\},| [^\n]* \},)\n/gms)
  return new Map(
    [...found].map(([text]) => [/\.\.\/features\/([\w-]+)\//.exec(text)?.[1] ?? text, text] as const),
  )
}

/** undefined: it compiles and starts. */
async function without(name: string, lines: string): Promise<string | undefined> {
  const copy = mkdtempSync(path.join(tmpdir(), 'mortise-without-'))
  try {
    cpSync(path.join(root, 'src'), path.join(copy, 'src'), { recursive: true })
    for (const file of ['package.json', 'tsconfig.json']) cpSync(path.join(root, file), path.join(copy, file))
    symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'))
    rmSync(path.join(copy, 'src/features', name), { recursive: true })
    const list = path.join(copy, listFile)
    writeFileSync(list, readFileSync(list, 'utf8').replace(lines, ''))
    return compiled(copy) ?? (await started(copy))
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

async function started(copy: string): Promise<string | undefined> {
  const place = ['--data', path.join(copy, 'data'), '--kmip', '127.0.0.1:0', '--admin', '127.0.0.1:0']
  const server = spawn(process.execPath, [...process.execArgv, 'src/program/main.ts', 'serve', ...place], {
    cwd: copy,
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
