// Reads the file, the environment and the flags of a command once, and returns one value. Only this folder looks at process.env.

import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parse, TomlError } from 'smol-toml'
import { nearest } from '../../base/text/closest.ts'
import { clientVariables, isKubernetes, pagerVariable, type Environment } from './environment.ts'
import type { Option, OptionTable, OptionValues } from '../../base/option.ts'
import { options, type Config } from './options.ts'

/** The configuration is wrong. The message has one line for each problem: where it is, and what to write instead. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

export type ConfigFlags = Readonly<Record<string, string | undefined>>

/** The variable that names the configuration file; `--config` overrides it. */
const fileVariable = 'MORTISE_CONFIG'

/**
 * Reads mortise.toml (`--config`, MORTISE_CONFIG, else ./mortise.toml if it is there), the environment and the
 * flags ({ config, data, kmip, kmip-https, admin }). `features`: the options of features, beside those of the server.
 * Throws ConfigError naming every problem.
 */
export function readConfig<T extends OptionTable>(
  features: T,
  flags: ConfigFlags = {},
  env: Environment = process.env,
): Config & OptionValues<T> {
  const table = { ...options, ...features }
  const problems: string[] = []
  const named = flags['config'] ?? env[fileVariable]
  const file = named ?? (existsSync('mortise.toml') ? 'mortise.toml' : undefined)
  const fromFile = file === undefined ? {} : readFile(file, table, problems)
  const variables = [
    ...linesOf(table).map(({ line }) => line.variable),
    ...Object.values(clientVariables),
    pagerVariable,
  ]
  checkVariables(env, [fileVariable, ...variables], table, problems)
  checkFolders(flags, env, fromFile['server']?.['data'], problems)

  const values: Record<string, Record<string, unknown>> = {}
  for (const { section, name, line } of linesOf(table)) {
    const flag = line.flag === undefined ? undefined : flags[line.flag]
    const variable = env[line.variable]
    const [value, where] =
      flag !== undefined
        ? [fromText(flag, line.initial), `--${line.flag}`]
        : variable !== undefined
          ? [fromText(variable, line.initial), line.variable]
          : [fromFile[section]?.[name] ?? line.initial, `${section}.${name} in ${file}`]
    const read = line.schema.safeParse(value)
    if (read.success) (values[section] ??= {})[name] = read.data
    else problems.push(`${where}: ${read.error.issues.map((issue) => issue.message).join('; ')}`)
  }
  checkTogether(values, problems)
  if (problems.length > 0) throw new ConfigError(problems.join('\n'))
  return values as Config & OptionValues<T>
}

/**
 * Why mortise.toml in this folder is not read, and what reads it; undefined: it is read, or is not there. The Debian package sets
 * the variable for every command.
 */
export function passedOver(
  flags: ConfigFlags = {},
  env: Environment = process.env,
  folder = '.',
): string | undefined {
  const named = env[fileVariable]
  const here = path.resolve(folder, 'mortise.toml')
  if (flags['config'] !== undefined || named === undefined || !existsSync(here)) return undefined
  if (path.resolve(folder, named) === here) return undefined
  return `mortise.toml in this folder is not read: ${fileVariable} names ${named}, as the package sets it. To read the one here: --config mortise.toml`
}

/** Every option of a table at its default. */
export function defaultsOf<T extends OptionTable>(table: T): OptionValues<T> {
  const values: Record<string, Record<string, unknown>> = {}
  for (const { section, name, line } of linesOf(table))
    (values[section] ??= {})[name] = line.schema.parse(line.initial)
  return values as OptionValues<T>
}

/** Files with secrets: those that options name, and those that Mortise makes in the data folder. */
export function secretFiles(config: Config, features: OptionTable): readonly string[] {
  const own = ['admin-token', 'root.key'].map((name) => path.join(config.server.data, name))
  const named = linesOf({ ...options, ...features })
    .filter(({ line }) => line.secret)
    .map(({ section, name }) => valuesOf(config)[section]?.[name])
  return [...own, ...named].filter((file) => typeof file === 'string')
}

/** Names (`log.level`) of the options whose values differ, and which of them take effect without a restart. */
export function changedOptions<C extends Config>(
  before: C,
  after: C,
  features: OptionTable,
): readonly { name: string; live: boolean }[] {
  return linesOf({ ...options, ...features }).flatMap(({ section, name, line }) => {
    const [old, next] = [before, after].map((config) => JSON.stringify(valuesOf(config)[section]?.[name]))
    return old === next ? [] : [{ name: `${section}.${name}`, live: line.live === true }]
  })
}

/** `before` with the live options of `after`. */
export function withLiveOptions<C extends Config>(before: C, after: C, features: OptionTable): C {
  const merged: Record<string, Record<string, unknown>> = {}
  for (const { section, name, line } of linesOf({ ...options, ...features }))
    (merged[section] ??= {})[name] = valuesOf(line.live ? after : before)[section]?.[name]
  return merged as C
}

/** Checks what no option can say alone. */
function checkTogether(values: Record<string, Record<string, unknown>>, problems: string[]): void {
  const { store, workers } = values['server'] ?? {}
  if (
    typeof workers === 'number' &&
    workers > 1 &&
    typeof store === 'string' &&
    !/^postgres(?:ql)?:/.test(store)
  )
    problems.push(
      `server.workers: must be 1 with SQLite, where several writers starve one another for seconds; ${workers} need PostgreSQL (server.store)`,
    )
  const { issuer, clientId, roles } = values['oidc'] ?? {}
  if (typeof issuer === 'string' && clientId === '')
    problems.push('oidc.clientId: must name the client that Mortise is at oidc.issuer')
  if (typeof issuer === 'string' && Array.isArray(roles) && roles.length === 0)
    problems.push(
      'oidc.roles: gives no group a role, so no person could log in; write for example ["kms-admins=manager"]',
    )
  const { certificateFile, keyFile } = values['siem'] ?? {}
  if ((certificateFile === null) !== (keyFile === null))
    problems.push('siem.certificateFile and siem.keyFile belong together: name both, or none')
}

/** The user names a file now and set a variable some time ago: the command cannot know which folder the user means. */
function checkFolders(flags: ConfigFlags, env: Environment, inFile: unknown, problems: string[]): void {
  const { config, data } = flags
  const inVariable = env[options.server.data.variable]
  if (config === undefined || data !== undefined || inVariable === undefined || typeof inFile !== 'string')
    return
  if (path.resolve(inFile) === path.resolve(inVariable)) return
  problems.push(
    `MORTISE_DATA names the data folder ${inVariable}, and server.data in ${config} names ${inFile}: say which one with --data, or unset MORTISE_DATA`,
  )
}

const valuesOf = (config: Config): Record<string, Record<string, unknown>> => config

function linesOf(table: OptionTable): readonly { section: string; name: string; line: Option }[] {
  return Object.entries(table).flatMap(([section, named]) =>
    Object.entries(named).map(([name, line]) => ({ section, name, line })),
  )
}

function readFile(
  file: string,
  table: OptionTable,
  problems: string[],
): Record<string, Record<string, unknown>> {
  let sections: Record<string, unknown>
  try {
    sections = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    problems.push(`${file}: ${unreadable(error)}`)
    return {}
  }
  const keys = linesOf(table).map(({ section, name }) => `${section}.${name}`)
  const values: Record<string, Record<string, unknown>> = {}
  for (const [section, body] of Object.entries(sections)) {
    const lines = Object.hasOwn(table, section) ? table[section] : undefined
    if (lines === undefined) {
      problems.push(
        `${file}: there is no section or key "${section}"; the nearest is ${nearest(section, [...Object.keys(table), ...keys])}`,
      )
    } else if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      problems.push(`${file}: "${section}" is a section: write [${section}] and its keys below`)
    } else {
      for (const name of Object.keys(body)) {
        if (!Object.hasOwn(lines, name))
          problems.push(
            `${file}: there is no key "${section}.${name}"; the nearest is ${nearest(`${section}.${name}`, keys)}`,
          )
      }
      values[section] = body as Record<string, unknown>
    }
  }
  return values
}

/** Why a file of TOML cannot be read. */
export function unreadable(error: unknown): string {
  if (error instanceof TomlError) return `line ${error.line}: ${error.message.split('\n')[0]}`
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES') return 'this user may not read it'
  if (code === 'ERR_STRING_TOO_LONG' || code === 'ERR_FS_FILE_TOO_LARGE') return 'this is too large'
  return code === 'EISDIR' ? 'this is a folder' : String(error)
}

/** Reports MORTISE_ variables that do not exist: they are spelling mistakes. Variables of tests are excepted. */
function checkVariables(
  env: Environment,
  variables: readonly string[],
  table: OptionTable,
  problems: string[],
): void {
  for (const name of Object.keys(env)) {
    if (!name.startsWith('MORTISE_') || /_TEST_/.test(name) || variables.includes(name)) continue
    if (isKubernetes(name, env[name])) continue
    problems.push(`there is no variable ${name}; the nearest is ${nearestVariable(name, variables, table)}`)
  }
}

/** Finds the variable of an option by the option's name too: MORTISE_KMIP_LISTEN means kmip.listen, whose variable is MORTISE_KMIP. */
function nearestVariable(name: string, variables: readonly string[], table: OptionTable): string {
  const byOption = new Map(
    linesOf(table).map(({ section, name: key, line }) => {
      const words = `${section}_${key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`)}`
      return [`MORTISE_${words.toUpperCase()}`, `${line.variable} (${section}.${key})`]
    }),
  )
  const guess = nearest(name, [...variables, ...byOption.keys()])
  return variables.includes(guess) ? guess : (byOption.get(guess) ?? guess)
}

/** Variables and flags are text, lists separated by commas. A wrong number or boolean stays text, so the schema refuses it. */
function fromText(text: string, like: Option['initial']): unknown {
  if (Array.isArray(like))
    return text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
  if (typeof like === 'number') return /^-?\d+$/.test(text) ? Number(text) : text
  if (typeof like === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  return text
}
