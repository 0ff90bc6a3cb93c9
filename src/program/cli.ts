// The command line: the tree of commands, and how their failures end. Each noun has its file; doors/cli/connect.ts finds the server.
// Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 nothing was done yet: it waits for a second person.

import { Command, CommanderError } from 'commander'
import { AdminUnreachable } from '../doors/http/client.ts'
import { Refusal } from '../base/refusal.ts'
import { PkiError } from '../core/pki/error.ts'
import type { CommandOutcome } from '../doors/cli/command.ts'
import { meantBy } from '../doors/cli/meant.ts'
import { unreachableHint } from '../doors/cli/connect.ts'
import { plain, plainJson, visible } from '../doors/cli/text/output.ts'
import { CommandError, UsageError, type World } from '../doors/cli/world.ts'
import { ConfigError } from '../outside/config/config.ts'
import { features } from './features.ts'
import type { ServingWorld } from './world.ts'

type LoadCommand = () => Promise<(world: ServingWorld, outcome: CommandOutcome) => Command>
type Commands = Readonly<Record<string, LoadCommand>>

/** A line of the list of features. */
interface Parts {
  readonly server?: unknown
  readonly commands?: Commands
}

/** The commands of the program itself and of its tools. */
const ownCommands: Commands = {
  serve: async () => (await import('./serve-command.ts')).serveCommand,
  doctor: async () => {
    const { doctorCommand } = await import('../tools/commands/doctor.ts')
    return doctorCommand((await import('./doctor-root-keys.ts')).rootKeyFindings)
  },
  conformance: async () => (await import('../tools/commands/conformance.ts')).conformanceCommand,
  simulate: async () => (await import('../tools/commands/simulate.ts')).simulateCommands,
  dev: async () => (await import('./dev-command.ts')).devCommand,
  bench: async () => (await import('../tools/commands/bench.ts')).benchCommand,
  completion: async () => {
    const { completionCommand } = await import('../doors/cli/completion.ts')
    return (world, outcome) => completionCommand(world, outcome, () => commandTree(world))
  },
}

/** The order of the help. */
const order =
  'serve status health instance client key inventory token login logout whoami session approval audit report alert siem backup ' +
  'server-cert reload root-key vcenter adopt restore restore-accept store support-bundle hardening fips doctor conformance simulate dev bench completion'

/** A command loads only its own file: the server starts sooner without the others. */
const commands = inOrder([
  ownCommands,
  ...Object.values<Parts>(features).map(({ commands: own = {} }) => own),
])

/** `noun verb` adds a verb to the noun of another feature. */
function inOrder(parts: readonly Commands[]): Commands {
  const all = parts.flatMap((part) => Object.entries(part))
  const nouns = all.filter(([words]) => !words.includes(' '))
  const places = order.split(' ')
  // A noun without a place of its own comes after those of every day.
  const placeOf = (noun: string) => places.indexOf(places.includes(noun) ? noun : 'backup')
  return Object.fromEntries(
    nouns
      .toSorted(([one], [other]) => placeOf(one) - placeOf(other))
      .map(([noun, make]) => [
        noun,
        withAdded(
          make,
          all.filter(([words]) => words.startsWith(`${noun} `)),
        ),
      ]),
  )
}

function withAdded(noun: LoadCommand, verbs: readonly (readonly [string, LoadCommand])[]): LoadCommand {
  return async () => {
    const [make, ...added] = await Promise.all([noun(), ...verbs.map(([, verb]) => verb())])
    return (world, outcome) => {
      const command = make(world, outcome)
      for (const verb of added) command.addCommand(verb(world, outcome))
      return command
    }
  }
}

/** The first steps after the installation, in this order. */
const firstSteps = `A key server for VMware vSphere and vSAN, and for any other KMIP client.

First steps:
  mortise serve            run the server
  mortise client pending   see the certificate of a vCenter that connected
  mortise client trust     trust it: --name NAME --pending SHA256
  mortise status           see whether all is well, and what to do if not
  mortise key list         see the keys, with the VM or host that each is for`

/** Runs one command line (without the program's name); the exit code. Throws bugs only. */
export async function runCommand(words: readonly string[], world: ServingWorld): Promise<number> {
  const outcome = { exitCode: 0 }
  const program = await commandTree(world, outcome, neededFor(words[0]))
  const json = words.includes('--json')
  let failing = program
  prepare(program, world, (command) => (failing = command))
  if (words.length === 0) {
    program.outputHelp()
    return 0
  }
  try {
    await program.parseAsync([...words], { from: 'user' })
    return outcome.exitCode
  } catch (error) {
    return failed(error, world, { json, failing })
  }
}

/** The first word's own command; none for the version; otherwise all, which the help lists and a mistyped word is compared with. */
function neededFor(word = ''): LoadCommand[] {
  if (word === '--version' || word === '-V') return []
  const one = Object.entries(commands).find(([name]) => name === word)
  return one ? [one[1]] : Object.values(commands)
}

/** The program with these commands; all of them, if left out. */
export async function commandTree(
  world: ServingWorld,
  outcome: CommandOutcome = { exitCode: 0 },
  chosen = Object.values(commands),
): Promise<Command> {
  const program = new Command('mortise')
    .description(firstSteps)
    .version(world.version)
    .addHelpText('after', '\nHelp with a command, and examples: mortise COMMAND --help\n')
  const makers = await Promise.all(chosen.map((load) => load()))
  for (const make of makers) program.addCommand(make(world, outcome))
  return program
}

/**
 * Makes commander throw usage errors, which `failed` writes, and write its help to the world's streams. Subcommands do not inherit
 * this by themselves.
 */
function prepare(command: Command, world: World, onFailure: (command: Command) => void): void {
  command
    .exitOverride((error) => {
      onFailure(command)
      throw error
    })
    .configureOutput({
      writeOut: (text) => void world.stdout.write(text),
      writeErr: (text) => void world.stderr.write(text),
      outputError: () => undefined,
    })
  for (const child of command.commands) prepare(child, world, onFailure)
}

function nameOf(command: Command): string {
  return command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name()
}

function failed(
  error: unknown,
  world: World,
  { json, failing }: { readonly json: boolean; readonly failing: Command },
): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0
  // A noun without a verb: its help was written.
  if (error instanceof CommanderError && error.code === 'commander.help' && !json) return 2
  const described = error instanceof CommanderError ? misused(error, failing) : describe(error)
  if (!described) throw error
  const { code, message, hint } = described
  // Only an error in the user's own words may take several lines: a list of mistakes in the configuration.
  const lines = isUsage(error) ? message.split('\n') : [message]
  const text = json
    ? `${plainJson(JSON.stringify({ error: { code, message, ...(hint !== undefined && { hint }) } }))}\n`
    : `mortise: ${lines.map(visible).join('\n  ')}\n${hint === undefined ? '' : plain`  ${hint}\n`}`
  world.stderr.write(text)
  return described.code === 'usage' ? 2 : 1
}

interface Described {
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
}

/** The user's own words, or the user's own configuration, are wrong. */
function isUsage(error: unknown): error is UsageError | ConfigError {
  return error instanceof UsageError || error instanceof ConfigError
}

/** An expected failure in words; undefined for a bug. */
function describe(error: unknown): Described | undefined {
  if (isUsage(error)) return { code: 'usage', message: error.message, hint: undefined }
  if (error instanceof CommandError) return { code: 'failed', message: error.message, hint: error.hint }
  if (error instanceof PkiError) return { code: 'failed', message: error.message, hint: undefined }
  if (error instanceof AdminUnreachable)
    return { code: 'unreachable', message: error.message, hint: unreachableHint(error) }
  if (error instanceof Refusal) return inCommands(error)
  return undefined
}

/** Wrong usage that commander found: its words, and where to look. */
function misused({ code, message }: CommanderError, failing: Command): Described {
  const help = `See: ${nameOf(failing)} --help`
  if (code === 'commander.help') return { code: 'usage', message: 'a command is missing', hint: help }
  const [first = '', ...suggestions] = message.replace(/^error: /, '').split('\n')
  const [word = ''] = code === 'commander.unknownCommand' ? failing.args : []
  const meant = meantBy(`${nameOf(failing)} ${word}`.replace(/^mortise /, ''))
  const hints = meant === undefined ? suggestions.map((text) => text.replace(/^\((.*)\)$/, '$1')) : [meant]
  return { code: 'usage', message: first, hint: [...hints, help].join(' ') }
}

/** A refusal without the parts of a request, which a person did not write. */
function inCommands({ code, message, hint }: Refusal): Described {
  const words = message.replaceAll(/(^|; )(?:body|query)\.(?=\w+[.:])/g, '$1')
  return { code, message: words, hint: hint?.startsWith('See /api/') === true ? undefined : hint }
}
