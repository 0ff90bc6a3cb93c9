// The command line: the tree of commands, and how their failures end. Each noun has its file; how the server is found
// is in connect.ts. Exit codes: 0 done, 1 refused or failed, 2 wrong usage.

import { Command, CommanderError } from 'commander'
import { AdminUnreachable } from '../admin/client.ts'
import { Refusal } from '../admin/errors.ts'
import { PkiError } from '../pki/error.ts'
import { auditCommands } from './audit.ts'
import { backupCommands } from './backup.ts'
import { benchCommand } from './bench.ts'
import { clientCommands } from './client.ts'
import { unreachableHint } from './connect.ts'
import { doctorCommand } from './doctor.ts'
import { instanceCommands } from './instance.ts'
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
import { tokenCommands } from './token.ts'
import { CommandError, UsageError, type World } from './world.ts'

/** Runs one command line (without the program's name); the exit code. Throws only what is a bug. */
export async function runCommand(words: readonly string[], world: World): Promise<number> {
  const outcome = { exitCode: 0 }
  const program = new Command('mortise')
    .description('A key server for VMware vSphere and vSAN, and for any other KMIP client.')
    .version(world.version)
    .addHelpText('after', '\nStart a server: mortise serve\nHelp on a command: mortise COMMAND --help\n')
  const commands = [
    serveCommand,
    statusCommand,
    instanceCommands,
    clientCommands,
    keyCommands,
    tokenCommands,
    auditCommands,
    backupCommands,
    serverCertificateCommands,
    reloadCommand,
    rootKeyCommands,
    restoreCommand,
    restoreAcceptCommand,
    doctorCommand,
    simulateCommands,
    benchCommand,
  ]
  for (const make of commands) program.addCommand(make(world, outcome))
  prepare(program, world)
  try {
    await program.parseAsync([...words], { from: 'user' })
    return outcome.exitCode
  } catch (error) {
    return failed(error, world, words.includes('--json'))
  }
}

/** Usage errors are thrown, and text goes where the world says; commander does not hand this down by itself. */
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
  if (error instanceof CommanderError)
    return error.code === 'commander.helpDisplayed' || error.code === 'commander.version' ? 0 : 2
  const told = tellable(error)
  if (!told) throw error
  const { code, message, hint } = told
  // Only what is wrong with the user's own words may take several lines: a list of mistakes in the configuration.
  const lines = error instanceof UsageError ? message.split('\n') : [message]
  const text = json
    ? `${plainJson(JSON.stringify({ error: { code, message, ...(hint !== undefined && { hint }) } }))}\n`
    : `mortise: ${lines.map(visible).join('\n  ')}\n${hint === undefined ? '' : plain`  ${hint}\n`}`
  world.stderr.write(text)
  return error instanceof UsageError ? 2 : 1
}

function tellable(error: unknown): { code: string; message: string; hint: string | undefined } | undefined {
  if (error instanceof UsageError) return { code: 'usage', message: error.message, hint: undefined }
  if (error instanceof CommandError) return { code: 'failed', message: error.message, hint: error.hint }
  if (error instanceof PkiError) return { code: 'failed', message: error.message, hint: undefined }
  if (error instanceof AdminUnreachable)
    return { code: 'unreachable', message: error.message, hint: unreachableHint(error) }
  if (error instanceof Refusal) return { code: error.code, message: error.message, hint: error.hint }
  return undefined
}
