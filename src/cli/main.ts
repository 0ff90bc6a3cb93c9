// The command line: the tree of commands, and how their failures end. Each noun has its file; connect.ts finds the server.
// Exit codes: 0 done, 1 refused or failed, 2 wrong usage.

import { Command, CommanderError } from 'commander'
import { AdminUnreachable } from '../admin/client.ts'
import { Refusal } from '../admin/errors.ts'
import { PkiError } from '../pki/error.ts'
import { adoptCommands } from './adopt.ts'
import { auditCommands } from './audit.ts'
import { backupCommands } from './backup.ts'
import { benchCommand } from './bench.ts'
import { clientCommands } from './client.ts'
import { unreachableHint } from './connect.ts'
import { doctorCommand } from './doctor.ts'
import { instanceCommands } from './instance.ts'
import { inventoryCommands } from './inventory.ts'
import { keyCommands } from './key.ts'
import { restoreAcceptCommand } from './offline/restore-accept.ts'
import { plain, plainJson, visible } from './output.ts'
import { reloadCommand } from './reload.ts'
import { restoreCommand } from './restore.ts'
import { rootKeyCommands } from './root-key.ts'
import { serveCommand } from './serve.ts'
import { serverCertificateCommands } from './server-cert.ts'
import { simulateCommands } from './simulate.ts'
import { statusCommand } from './status.ts'
import { storeCommands } from './store.ts'
import { tokenCommands } from './token.ts'
import { CommandError, UsageError, type World } from './world.ts'

/** The first steps of somebody who has just installed it, in this order. */
const firstSteps = `A key server for VMware vSphere and vSAN, and for any other KMIP client.

First steps:
  mortise serve            run the server
  mortise client pending   see the certificate of a vCenter that connected
  mortise client trust     trust it: --name NAME --pending SHA256
  mortise status           see whether all is well, and what to do if not
  mortise key list         see the keys, with the VM or host that each is for`

/** Runs one command line (without the program's name); the exit code. Throws bugs only. */
export async function runCommand(words: readonly string[], world: World): Promise<number> {
  const outcome = { exitCode: 0 }
  const program = new Command('mortise')
    .description(firstSteps)
    .version(world.version)
    .addHelpText('after', '\nHelp with a command, and examples: mortise COMMAND --help\n')
  const commands = [
    serveCommand,
    statusCommand,
    instanceCommands,
    clientCommands,
    keyCommands,
    inventoryCommands,
    tokenCommands,
    auditCommands,
    backupCommands,
    serverCertificateCommands,
    reloadCommand,
    rootKeyCommands,
    adoptCommands,
    restoreCommand,
    restoreAcceptCommand,
    storeCommands,
    doctorCommand,
    simulateCommands,
    benchCommand,
  ]
  for (const make of commands) program.addCommand(make(world, outcome))
  prepare(program, world)
  if (words.length === 0) {
    program.outputHelp()
    return 0
  }
  try {
    await program.parseAsync([...words], { from: 'user' })
    return outcome.exitCode
  } catch (error) {
    return failed(error, world, words.includes('--json'))
  }
}

/** Makes commander throw usage errors and write to the world's streams. Subcommands do not inherit this by themselves. */
function prepare(command: Command, world: World): void {
  command
    .exitOverride()
    .showHelpAfterError(`(try: ${nameOf(command)} --help)`)
    .configureOutput({
      writeOut: (text) => void world.stdout.write(text),
      writeErr: (text) => void world.stderr.write(text),
    })
  for (const child of command.commands) prepare(child, world)
}

function nameOf(command: Command): string {
  return command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name()
}

function failed(error: unknown, world: World, json: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const described = describe(error)
  if (!described) throw error
  const { code, message, hint } = described
  // Only an error in the user's own words may take several lines: a list of mistakes in the configuration.
  const lines = error instanceof UsageError ? message.split('\n') : [message]
  const text = json
    ? `${plainJson(JSON.stringify({ error: { code, message, ...(hint !== undefined && { hint }) } }))}\n`
    : `mortise: ${lines.map(visible).join('\n  ')}\n${hint === undefined ? '' : plain`  ${hint}\n`}`
  world.stderr.write(text)
  return error instanceof UsageError ? 2 : 1
}

/** An expected failure in words; undefined for a bug. */
function describe(error: unknown): { code: string; message: string; hint: string | undefined } | undefined {
  if (error instanceof UsageError) return { code: 'usage', message: error.message, hint: undefined }
  if (error instanceof CommandError) return { code: 'failed', message: error.message, hint: error.hint }
  if (error instanceof PkiError) return { code: 'failed', message: error.message, hint: undefined }
  if (error instanceof AdminUnreachable)
    return { code: 'unreachable', message: error.message, hint: unreachableHint(error) }
  if (error instanceof Refusal) return { code: error.code, message: error.message, hint: error.hint }
  return undefined
}
