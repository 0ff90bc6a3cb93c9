// What an administrator may set, as one table: each option's place in mortise.toml, its MORTISE_ variable, its
// flag, its default and its reason. File, environment and flags are read here, once, and handed out as one value;
// nothing else in the project looks at process.env. docs/configuration.md is printed from the table
// (scripts/print-configuration.ts). Bounds that nobody sets are in limits.ts.

import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import path from 'node:path'
import { parse, TomlError } from 'smol-toml'
import { z } from 'zod'

/** Every option, by section and name as in mortise.toml. A flag overrides a variable, and that the file. */
export const options = {
  server: {
    data: option({
      schema: z
        .string()
        .min(1)
        .transform((text) => path.resolve(text)),
      initial: './mortise-data',
      variable: 'MORTISE_DATA',
      flag: 'data',
      text: 'The folder of the database, the file root key and what the command line needs to find the server.',
      reason:
        'Relative to where the process was started. Must be on a local disk: SQLite and network file systems do not go together.',
    }),
    rootKey: option({
      schema: z.string().regex(/^[a-z][a-z0-9+.-]*:./, 'must be a URI such as file:root.key'),
      initial: 'file:root.key',
      variable: 'MORTISE_ROOT_KEY',
      text: "The URI of the root key that seals the server's own secrets.",
      reason:
        'A file is relative to the data folder. Chosen when the store is first made: a server does not start on a store that another root key sealed.',
    }),
    rootPassphraseFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_ROOT_PASSPHRASE_FILE',
      text: 'A file with the passphrase that protects file:root.key.',
      reason:
        'Empty: none, and whoever can read the data folder can open its keys. A file and not a value, so that it is in no process list.',
    }),
    acceptShortPassphrase: option({
      schema: z.boolean(),
      initial: false,
      variable: 'MORTISE_ACCEPT_SHORT_PASSPHRASE',
      text: 'Make root key files under a passphrase of fewer than 12 characters.',
      reason:
        'Whoever copies the file can try passphrases on machines of their own. A file that is there already is opened in any case.',
    }),
    rootKeyCopied: option({
      schema: z.boolean(),
      initial: false,
      variable: 'MORTISE_ROOT_KEY_COPIED',
      live: true,
      text: 'Set it once you keep a copy of the root key file where the data folder and its backups are not.',
      reason:
        'Until then each start reminds you: without root.key the keys in the data folder are lost, and who has both has all keys.',
    }),
    names: option({
      schema: z.array(z.string().min(1).max(253)).max(50),
      initial: [],
      variable: 'MORTISE_SERVER_NAMES',
      live: true,
      text: 'DNS names and IP addresses that the server certificate carries besides those found on this machine.',
      reason:
        'vCenter is told a name or an address; the certificate should contain it. Used when a certificate is made.',
    }),
    workers: option({
      schema: z
        .int()
        .refine(
          (count) => count === 1,
          'must be 1 with SQLite: several writers starve one another for seconds',
        ),
      initial: 1,
      variable: 'MORTISE_WORKERS',
      text: 'Processes that serve KMIP.',
      reason: 'One is enough for the embedded store, whose writer is one anyway.',
    }),
  },
  kmip: {
    listen: option({
      schema: hostAndPort(),
      initial: '[::]:5696',
      variable: 'MORTISE_KMIP',
      flag: 'kmip',
      text: 'Where KMIP clients connect, with TLS.',
      reason:
        '5696 is the registered port and the one that vCenter proposes. [::] takes IPv4 too. Port 0 picks a free one.',
    }),
  },
  admin: {
    listen: option({
      schema: hostAndPort(),
      initial: '127.0.0.1:5697',
      variable: 'MORTISE_ADMIN',
      flag: 'admin',
      text: 'Where administrators connect, with HTTPS.',
      reason: 'From this machine only, until you decide otherwise: a manager token can destroy keys.',
    }),
    hosts: option({
      schema: z.array(z.string().min(1).max(253)).max(50),
      initial: [],
      variable: 'MORTISE_ADMIN_HOSTS',
      live: true,
      text: 'Names under which the admin door may be addressed, besides localhost, the address it listens on, and server.names.',
      reason:
        'Requests with another Host are refused, so that a web page cannot reach it by a name that it controls.',
    }),
  },
  ibm: {
    apiKeyFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_IBM_API_KEY_FILE',
      text: 'A file with the API key of the service ID that uses root keys in Key Protect and HPCS, for instances without one of their own.',
      reason:
        'It needs the role Reader on the root key, and Manager for the custody keyprotect. A file and not a value, so that it is in no process list; read anew with each token, so that it can be replaced while the server runs.',
    }),
    iamUrl: option({
      schema: z.url({ protocol: /^https$/, error: 'must be a URL that begins with https://' }),
      initial: 'https://iam.cloud.ibm.com',
      variable: 'MORTISE_IBM_IAM_URL',
      text: 'Where IAM gives tokens for API keys; /identity/token is appended.',
      reason: 'For IBM’s private network: https://private.iam.cloud.ibm.com.',
    }),
    caFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_IBM_CA_FILE',
      text: 'A PEM file with the CAs that IAM, Key Protect and HPCS are believed by, instead of the public ones.',
      reason: 'For a proxy that ends TLS, and for doubles. Empty: the public CAs that come with Node.js.',
    }),
  },
  audit: {
    reads: option({
      schema: z.enum(['process', 'durable']),
      initial: 'process',
      variable: 'MORTISE_AUDIT_READS',
      live: true,
      text: 'What the access record of a Get survives before the key is sent: a killed process, or power loss too (durable).',
      reason:
        'With "process" power loss may cost the records of the last 100 ms. "durable" makes every Get wait for the disk.',
    }),
  },
  backup: {
    enabled: option({
      schema: z.boolean(),
      initial: true,
      variable: 'MORTISE_BACKUP_ENABLED',
      live: true,
      text: 'Whether the server makes backups by itself: soon after new keys, and once a day.',
      reason: 'A key that is in no backup is lost with the disk, and with it what it encrypts.',
    }),
    folder: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_BACKUP_FOLDER',
      text: 'The folder of the backups.',
      reason:
        'Empty: backups/ in the data folder. That is the same disk and no other machine: copy them elsewhere (backup.after).',
    }),
    delaySeconds: option({
      schema: z.int().min(0).max(3600),
      initial: 30,
      variable: 'MORTISE_BACKUP_DELAY_SECONDS',
      live: true,
      text: 'How long after a new key a backup starts.',
      reason: 'Keys often come several at a time; one backup holds them all.',
    }),
    everySecondsMin: option({
      schema: z.int().min(10).max(86_400),
      initial: 300,
      variable: 'MORTISE_BACKUP_EVERY_SECONDS_MIN',
      live: true,
      text: 'Backups start at least this far apart.',
      reason: 'Each one reads and writes everything.',
    }),
    everySecondsMax: option({
      schema: z
        .int()
        .min(600)
        .max(30 * 86_400),
      initial: 86_400,
      variable: 'MORTISE_BACKUP_EVERY_SECONDS_MAX',
      live: true,
      text: 'A backup starts at the latest this long after the last one, also without new keys.',
      reason: 'Revoked keys, withdrawn trust and the audit log change too.',
    }),
    keepLast: option({
      schema: z.int().min(1).max(1000),
      initial: 6,
      variable: 'MORTISE_BACKUP_KEEP_LAST',
      live: true,
      text: 'How many of the newest backups are kept.',
      reason: 'Older ones are removed once a newer one is whole.',
    }),
    keepDaily: option({
      schema: z.int().min(0).max(1000),
      initial: 14,
      variable: 'MORTISE_BACKUP_KEEP_DAILY',
      live: true,
      text: 'Of how many days the newest backup is kept besides.',
      reason: 'Damage may be noticed late.',
    }),
    after: option({
      schema: z.array(z.string().min(1).max(4096)).max(50),
      initial: [],
      variable: 'MORTISE_BACKUP_AFTER',
      live: true,
      text: 'A command that copies a new backup elsewhere: program and arguments. The path of the file is added as the last one.',
      reason: 'Run without a shell. When it ends with 0, the keys in that backup count as kept elsewhere.',
    }),
  },
  log: {
    format: option({
      schema: z.enum(['auto', 'json', 'human']),
      initial: 'auto',
      variable: 'MORTISE_LOG_FORMAT',
      text: 'How log lines look on standard error.',
      reason: 'auto: for people on a terminal, JSON otherwise. `serve --json` makes it JSON.',
    }),
    level: option({
      schema: z.enum(['trace', 'debug', 'info', 'warn', 'error']),
      initial: 'info',
      variable: 'MORTISE_LOG_LEVEL',
      live: true,
      text: 'The least important lines that are written.',
      reason: 'Normal traffic writes nothing at info. No level writes key material.',
    }),
  },
} as const

/** All options with their values, checked: `config.kmip.listen.port`. */
export type Config = {
  readonly [S in keyof Options]: { readonly [O in keyof Options[S]]: Value<Options[S][O]> }
}

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

/** What was set is not right; the message says where, and what to write instead. One line for each problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

type Options = typeof options
type Value<O> = O extends { readonly schema: z.ZodType<infer V> } ? V : never
export type Flags = Readonly<Record<string, string | undefined>>
type Environment = Readonly<Record<string, string | undefined>>

/** One line of the table. `initial` is what would be written in the file, so that it can be printed. */
export interface Option<S extends z.ZodType = z.ZodType> {
  readonly schema: S
  readonly initial: string | number | boolean | readonly string[]
  readonly variable: string
  readonly flag?: string
  readonly text: string
  readonly reason: string
  /** Takes effect when the configuration is read anew (src/serve/settings.ts); the others need a restart. */
  readonly live?: true
}

/** The variable that names the configuration file; `--config` overrides it. */
const fileVariable = 'MORTISE_CONFIG'

/**
 * Reads mortise.toml (`--config`, MORTISE_CONFIG, else ./mortise.toml if it is there), the environment and the
 * flags ({ config, data, kmip, admin }). Throws ConfigError naming every problem.
 */
export function readConfig(flags: Flags = {}, env: Environment = process.env): Config {
  const problems: string[] = []
  const named = flags['config'] ?? env[fileVariable]
  const file = named ?? (existsSync('mortise.toml') ? 'mortise.toml' : undefined)
  const fromFile = file === undefined ? {} : readFile(file, problems)
  checkVariables(env, [fileVariable, ...known().map(({ line }) => line.variable)], problems)

  const values: Record<string, Record<string, unknown>> = {}
  for (const { section, name, line } of known()) {
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
  if (problems.length > 0) throw new ConfigError(problems.join('\n'))
  return values as Config
}

/** Names (`log.level`) of the options whose values differ, and which of them take effect without a restart. */
export function changedOptions(before: Config, after: Config): readonly { name: string; live: boolean }[] {
  return known().flatMap(({ section, name, line }) => {
    const [old, next] = [before, after].map((config) => JSON.stringify(valuesOf(config)[section]?.[name]))
    return old === next ? [] : [{ name: `${section}.${name}`, live: line.live === true }]
  })
}

/** `before` with the live options of `after`. */
export function withLiveOptions(before: Config, after: Config): Config {
  const merged: Record<string, Record<string, unknown>> = {}
  for (const { section, name, line } of known())
    (merged[section] ??= {})[name] = valuesOf(line.live ? after : before)[section]?.[name]
  return merged as Config
}

const valuesOf = (config: Config): Record<string, Record<string, unknown>> => config

function known(): readonly { section: string; name: string; line: Option }[] {
  return Object.entries(options).flatMap(([section, named]) =>
    Object.entries(named).map(([name, line]: [string, Option]) => ({ section, name, line })),
  )
}

function readFile(file: string, problems: string[]): Record<string, Record<string, unknown>> {
  let sections: Record<string, unknown>
  try {
    sections = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const why =
      error instanceof TomlError ? `line ${error.line}: ${error.message.split('\n')[0]}` : String(error)
    problems.push(`${file}: ${why}`)
    return {}
  }
  const known: Record<string, Record<string, Option>> = options
  const values: Record<string, Record<string, unknown>> = {}
  for (const [section, body] of Object.entries(sections)) {
    const lines = Object.hasOwn(known, section) ? known[section] : undefined
    if (lines === undefined) {
      problems.push(
        `${file}: there is no section or key "${section}"; the nearest is ${nearest(section, allKeys())}`,
      )
    } else if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      problems.push(`${file}: "${section}" is a section: write [${section}] and its keys below`)
    } else {
      for (const name of Object.keys(body)) {
        if (!Object.hasOwn(lines, name))
          problems.push(
            `${file}: there is no key "${section}.${name}"; the nearest is ${nearest(`${section}.${name}`, allKeys())}`,
          )
      }
      values[section] = body as Record<string, unknown>
    }
  }
  return values
}

/** A MORTISE_ variable that names nothing is a spelling mistake waiting to be noticed (those of tests aside). */
function checkVariables(env: Environment, known: readonly string[], problems: string[]): void {
  for (const name of Object.keys(env)) {
    if (!name.startsWith('MORTISE_') || /_TEST_/.test(name) || known.includes(name)) continue
    problems.push(`there is no variable ${name}; the nearest is ${nearest(name, known)}`)
  }
}

/** Variables and flags are text; lists are separated by commas. What is no number or boolean stays text, and is refused. */
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

const allKeys = (): string[] =>
  Object.entries(options).flatMap(([section, named]) =>
    Object.keys(named).map((name) => `${section}.${name}`),
  )

function nearest(text: string, known: readonly string[]): string {
  const ranked = known.map((name) => ({
    name,
    distance: editDistance(text.toLowerCase(), name.toLowerCase()),
  }))
  return ranked.toSorted((a, b) => a.distance - b.distance)[0]?.name ?? ''
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same))
    }
    row = next
  }
  return row[b.length] ?? 0
}

function option<S extends z.ZodType>(line: Option<S>): Option<S> {
  return line
}

/** Empty: none. */
function filePath() {
  return z.string().transform((text) => (text === '' ? null : path.resolve(text)))
}

function hostAndPort() {
  return z.string().transform((text, context): HostAndPort => {
    const parts = /^(?:\[(?<six>[^\]]+)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text)?.groups
    const host = parts?.['six'] ?? parts?.['host'] ?? ''
    const port = Number(parts?.['port'])
    if (parts === undefined || port > 65_535 || (parts['six'] !== undefined && isIP(host) !== 6)) {
      context.addIssue(`"${text}" is not HOST:PORT; write for example 127.0.0.1:5696 or [::]:5696`)
    }
    return { host, port }
  })
}
