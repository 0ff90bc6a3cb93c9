// How a command of the command line is declared: its words, its flags, examples, and a function of its options. What
// every command has (--json, where the server is) is added here once.

import { Command, Option } from 'commander'
import type { AdminClient } from '../admin/client.ts'
import { connect, type ConnectOptions } from './connect.ts'
import { jsonText, plain } from './output.ts'
import { UsageError, type World } from './world.ts'

/** One run of a command. */
export interface Run {
  readonly world: World
  readonly json: boolean
  readonly client: () => Promise<AdminClient>
  /** Data as JSON, or as the text that the function makes of it. */
  readonly show: (data: unknown, text: () => string) => void
  /** To people only: next steps and remarks. */
  readonly tell: (text: string) => void
}

/** Where a command leaves its exit code. */
export interface Outcome {
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
  /** Needs no server: gets no flags that say where one is. */
  readonly offline?: true
  readonly action: Action<O>
}

/** A noun with its verbs: `mortise key ...`. */
export function noun(name: string, summary: string, verbs: readonly Command[]): Command {
  const command = new Command(name).description(summary)
  for (const verb of verbs) command.addCommand(verb)
  return command
}

export function verb<O>(world: World, outcome: Outcome, line: CommandLine<O>): Command {
  const command = new Command(line.words.split(' ')[0]).description(line.summary)
  for (const word of line.words.split(' ').slice(1)) command.argument(word)
  for (const [flags, text] of line.required ?? []) command.requiredOption(flags, text)
  for (const [flags, text] of line.flags ?? []) command.option(flags, text)
  if (!line.offline) addConnection(command)
  command.option('--json', 'print data as JSON')
  command.addHelpText(
    'after',
    `\nExamples:\n${line.examples.map((example) => `  mortise ${example}\n`).join('')}`,
  )
  return command.action(async (...given: unknown[]) => {
    const options = command.opts<O & ConnectOptions & { json?: boolean }>()
    const words = given.slice(0, command.registeredArguments.length) as string[]
    const exitCode = await line.action(runOf(world, options), options, ...words)
    if (typeof exitCode === 'number') outcome.exitCode = exitCode
  })
}

/** Where the server is: the same flags on every command that speaks to one. */
function addConnection(command: Command): void {
  const flags: [string, string][] = [
    ['--data <dir>', 'data folder of the local server (default: as configured, else ./mortise-data)'],
    ['--config <file>', 'configuration file that names the data folder'],
    ['--admin <url>', 'a remote server: https://HOST:PORT'],
    ['--token-file <file>', 'with --admin: file with the token'],
    ['--admin-ca <file>', 'with --admin: CA that signed its certificate, PEM'],
    ['--admin-fingerprint <sha256>', 'with --admin: SHA-256 of its certificate'],
  ]
  for (const [name, text] of flags) command.addOption(new Option(name, text).helpGroup('Server:'))
}

function runOf(world: World, options: ConnectOptions & { json?: boolean }): Run {
  const json = options.json === true
  return {
    world,
    json,
    client: async () => connect(world, options),
    show: (data, text) => void world.stdout.write(json ? jsonText(data) : text()),
    tell: (text) => {
      if (!json) world.stdout.write(text)
    },
  }
}

/** The instance that was named, or the only one that there is. */
export async function instanceOf(client: AdminClient, named: string | undefined): Promise<string> {
  if (named !== undefined) return named
  const [only, ...others] = await client.call('listInstances')
  if (only === undefined) throw new UsageError('there is no instance')
  if (others.length > 0)
    throw new UsageError(
      plain`there are ${others.length + 1} instances: choose one with --instance (${[only, ...others].map(({ name }) => name).join(', ')})`,
    )
  return only.id
}

export const instanceFlag = [
  '--instance <name>',
  'the instance, by name or id; may be left out when there is one',
] as const

/** For commands that trust a new client. */
export const allowFlag = [
  '--allow <what>',
  "what it may ask for: vsphere, read, all, or operations (get,locate,...); default: all, with an operator's token vsphere",
] as const

export function allowOf({ allow }: { readonly allow?: string }): { allow?: string[] } {
  return allow === undefined ? {} : { allow: allow.split(',').map((term) => term.trim()) }
}

export function wholeNumber(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${flag} takes a whole number, not ${text}`)
  return Number(text)
}

/** A number of bytes, as a number or with a unit: 500MiB, 4GiB. */
export function byteSize(flag: string, text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,15})\s?(KiB|MiB|GiB|TiB)?$/.exec(text) ?? []
  if (count === '') throw new UsageError(`${flag} takes a size such as 500MiB or 4GiB, not ${text}`)
  return Number(count) * 1024 ** ['', 'KiB', 'MiB', 'GiB', 'TiB'].indexOf(unit)
}

/** A date as people write it (2026-03-01, or with a time), as ISO 8601 in UTC. A date alone is its first moment, UTC. */
export function dateTime(flag: string, text: string): string {
  const ms = Date.parse(text)
  if (!/^\d{4}-\d{2}-\d{2}/.test(text) || Number.isNaN(ms))
    throw new UsageError(`${flag} takes a date such as 2026-03-01 or 2026-03-01T12:00:00Z, not ${text}`)
  return new Date(ms).toISOString()
}

/** A flag that takes one of a few words. */
export function oneOf<W extends string>(flag: string, text: string, words: readonly W[]): W {
  const found = words.find((word) => word === text)
  if (found === undefined) throw new UsageError(`${flag} takes ${words.join(' or ')}, not ${text}`)
  return found
}

/** A flag that takes yes or no. */
export function switchedOn(flag: string, text: string): boolean {
  return oneOf(flag, text, ['yes', 'no']) === 'yes'
}

export function wholeSha256(text: string): string {
  const sha256 = text.replaceAll(/[:\s]/g, '').toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new UsageError('a whole SHA-256 is needed: 64 hexadecimal digits')
  return sha256
}
