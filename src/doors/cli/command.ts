// How a command of the command line is declared: its words, its flags, examples, and a function of its options. The flags
// that every command has (--json, and where the server is) are added here.

import { listed } from '../../base/text/listed.ts'
import { Command, Option } from 'commander'
import { WaitsForApproval, type AdminClient } from '../http/client.ts'
import { Refusal } from '../../base/refusal.ts'
import { sameServer } from './next-steps.ts'
import { showWaiting, waitFlag, waitUntilDecided } from './waiting.ts'
import { connectAdmin, type ConnectOptions } from './connect.ts'
import { jsonText } from './text/output.ts'
import { parseTime } from './text/time.ts'
import { UsageError, type World } from './world.ts'

/** One run of a command. */
export interface Run {
  readonly world: World
  readonly json: boolean
  readonly client: () => Promise<AdminClient>
  /** Prints data: as JSON, or as the text that the function returns. */
  readonly show: (data: unknown, text: () => string) => void
  /** Prints next steps and remarks, but not with --json. */
  readonly tell: (text: string) => void
  /** A next command, with the flags that lead to the same server with the same token. */
  readonly next: (words: string) => string
  /** Reads a time that a person gave to a flag; ISO 8601 in UTC. UsageError if it is none. */
  readonly time: (flag: string, text: string) => string
}

/** Receives the exit code of the command. */
export interface CommandOutcome {
  exitCode: number
}

/** Returns the exit code, if it is not 0. */
type Action<O> = (run: Run, options: O, ...words: string[]) => Promise<number | void>

export interface CommandLine<O> {
  /** As commander writes it: `show <name>`. */
  readonly words: string
  readonly summary: string
  /** `[flags, text]`; flags as commander writes them. */
  readonly flags?: readonly (readonly [string, string])[]
  readonly required?: readonly (readonly [string, string])[]
  readonly examples: readonly string[]
  /** The flags of the fields of the request, by their names, where the server speaks of a field. */
  readonly flagOf?: Readonly<Record<string, string>>
  /** The command asks no Mortise server, so it gets no flags that say where one is. */
  readonly offline?: true
  /** The act may need a second person: the command gets --wait. */
  readonly guarded?: true
  readonly action: Action<O>
}

/** Makes the command for one `World` (terminal, configuration, user). The command sets its exit code in `outcome`. */
export type MakeCommand = (world: World, outcome: CommandOutcome) => Command

/** A noun with its verbs: `mortise key ...`. */
export function noun(name: string, summary: string, verbs: () => readonly MakeCommand[]): MakeCommand {
  return (world, outcome) => {
    const command = new Command(name).description(summary)
    for (const make of verbs()) command.addCommand(make(world, outcome))
    return command
  }
}

export function verb<O>(line: CommandLine<O>): MakeCommand {
  return (world, outcome) => commandOf(world, outcome, line)
}

function commandOf<O>(world: World, outcome: CommandOutcome, line: CommandLine<O>): Command {
  const command = new Command(line.words.split(' ')[0]).description(line.summary)
  for (const word of line.words.split(' ').slice(1)) command.argument(word)
  for (const [flags, text] of line.required ?? []) command.option(flags, text)
  // Before a flag --no-wait, which would make it the default.
  if (line.guarded) command.option(...waitFlag)
  for (const [flags, text] of line.flags ?? []) command.option(flags, text)
  if (!line.offline) addConnection(command)
  command.option('--json', 'print data as JSON')
  command.addHelpText(
    'after',
    `\nExamples:\n${line.examples.map((example) => `  mortise ${example}\n`).join('')}`,
  )
  refuseTwice(command)
  return command.action(async (...args: unknown[]) => {
    requireAll(command, line.required ?? [])
    const options = command.opts<O & ConnectOptions & RunOptions>()
    const words = args.slice(0, command.registeredArguments.length) as string[]
    const run = runOf(world, options)
    try {
      const exitCode = await line.action(run, options, ...words)
      if (typeof exitCode === 'number') outcome.exitCode = exitCode
    } catch (error) {
      if (error instanceof Refusal) throw inFlags(error, command, line.flagOf)
      if (!(error instanceof WaitsForApproval)) throw error
      outcome.exitCode = showWaiting(run, error)
    }
  })
}

/** A refusal that names fields of the request, with the flags and words of the command in their place. */
function inFlags(
  refusal: Refusal,
  { options, registeredArguments }: Command,
  flagOf: CommandLine<unknown>['flagOf'] = {},
): Refusal {
  const { code, message, hint } = refusal
  const words = message.replaceAll(fieldPath, (whole, before: string, field: string) => {
    const name = otherwiseNamed[field] ?? field
    const option = options.find((one) => one.attributeName() === name)
    const word = registeredArguments.some((one) => one.name() === name) ? `the ${name}` : undefined
    const said = flagOf[field] ?? option?.long ?? word
    return said === undefined ? whole : `${before}${said}:`
  })
  return new Refusal(code, words, hint, { cause: refusal })
}

/** `body.days:`, `body.names.0:`, at the beginning of a message or behind another. */
const fieldPath = /(^|; )(?:body|query)\.(\w+)(?:\.\w+)*:/g

/** Fields that a flag has under another name. */
const otherwiseNamed: { readonly [field: string]: string } = {
  expiresDays: 'expires',
}

/** Commander lets the last of several values count, without a word. */
function refuseTwice(command: Command): void {
  const flags = new Set<string>()
  for (const { long, variadic, required } of command.options)
    if (long && required && !variadic)
      command.on(`option:${long.slice(2)}`, () => {
        if (flags.has(long)) throw new UsageError(`${long} was given twice, and takes one value`)
        flags.add(long)
      })
}

/** Later than commander does, which would call a flag missing whose name was mistyped. */
function requireAll(command: Command, required: readonly (readonly [string, string])[]): void {
  for (const [flags] of required) {
    const option = command.options.find((one) => one.flags === flags)
    if (option && command.getOptionValue(option.attributeName()) === undefined)
      command.error(`error: required option '${flags}' not specified`)
  }
}

/** Adds the flags that say where the server is. */
function addConnection(command: Command): void {
  const flags: [string, string][] = [
    ['--data <dir>', 'data folder of the local server (default: as configured, else ./mortise-data)'],
    ['--config <file>', 'configuration file that names the data folder'],
    ['--profile <name>', 'a server from ~/.config/mortise/config.toml (or MORTISE_PROFILE)'],
    ['--admin <url>', 'a remote server: https://HOST:PORT (or MORTISE_ADMIN_URL)'],
    ['--token-file <file>', 'file with the token (or MORTISE_TOKEN_FILE)'],
    ['--admin-ca <file>', 'CA that signed the certificate of the remote server, PEM'],
    ['--admin-fingerprint <sha256>', 'SHA-256 of the certificate of the remote server'],
  ]
  for (const [name, text] of flags) command.addOption(new Option(name, text).helpGroup('Server:'))
}

interface RunOptions {
  readonly json?: boolean
  readonly wait?: boolean
}

function runOf(world: World, options: ConnectOptions & RunOptions): Run {
  const json = options.json === true
  return {
    world,
    json,
    client: async () =>
      connectAdmin(world, options, options.wait === true ? waitUntilDecided(world) : undefined),
    next: (words) => `${world.command} ${words}${sameServer(options)}`,
    show: (data, text) => void world.stdout.write(json ? jsonText(data) : text()),
    tell: (text) => {
      if (!json) world.stdout.write(text)
    },
    time: (flag, text) => parseTime(flag, text, world.now()),
  }
}

export const instanceFlag = [
  '--instance <name>',
  'the instance, by name or id; may be left out if there is only one',
] as const

/** For commands that trust a new client. */
export const allowFlag = [
  '--allow <what>',
  'operations that a new client may ask for: vsphere (default), read, crypto, all, or a list (get,locate,...): see docs/clients.md',
] as const

export function allowOf({ allow }: { readonly allow?: string }): { allow?: string[] } {
  return allow === undefined ? {} : { allow: allow.split(',').map((term) => term.trim()) }
}

export function wholeNumber(flag: string, text: string): number {
  if (/^\d{10,}$/.test(text))
    throw new UsageError(`${flag} takes a whole number of at most 9 digits, not ${text}`)
  if (!/^\d+$/.test(text)) throw wrongValue(flag, 'a whole number', text)
  return Number(text)
}

export function wrongValue(flag: string, takes: string, text: string): UsageError {
  return new UsageError(
    text.trim() === '' ? `${flag} is empty: it takes ${takes}` : `${flag} takes ${takes}, not ${text}`,
  )
}

/** Reads a number of bytes: 1000000, 500MiB, 4GiB. */
export function byteSize(flag: string, text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,15})\s?(KiB|MiB|GiB|TiB)?$/.exec(text) ?? []
  if (count === '') throw wrongValue(flag, 'a size such as 500MiB or 4GiB', text)
  return Number(count) * 1024 ** ['', 'KiB', 'MiB', 'GiB', 'TiB'].indexOf(unit)
}

/** Reads a length of time in seconds: 90m, 12h, 7d, 2w; 0 for none. */
export function duration(flag: string, text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([smhdw])$/.exec(text.trim()) ?? []
  if (count !== '') return Number(count) * (unitSeconds[unit] ?? 0)
  if (/^0+$/.test(text.trim())) return 0
  throw wrongValue(flag, 'a length of time such as 12h or 7d, or 0', text)
}

const unitSeconds: { readonly [unit: string]: number } = {
  s: 1,
  m: 60,
  h: 3600,
  d: 24 * 3600,
  w: 7 * 24 * 3600,
}

/** A flag that takes one of a few words. */
export function oneOfWords<W extends string>(flag: string, text: string, words: readonly W[]): W {
  const match = words.find((word) => word === text)
  if (match === undefined) throw wrongValue(flag, listed(words, 'or'), text)
  return match
}

/** A flag that takes yes or no. */
export function switchedOn(flag: string, text: string): boolean {
  return oneOfWords(flag, text, ['yes', 'no']) === 'yes'
}

export function wholeSha256(text: string): string {
  const sha256 = text.replaceAll(/[:\s]/g, '').toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new UsageError('a whole SHA-256 is needed: 64 hexadecimal digits')
  return sha256
}

export const forceFlag = ['--force', 'replace the file if it exists'] as const
