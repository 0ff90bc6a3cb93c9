// The process: flags in, exit code out, signals, and what happens to an error that nobody expected. What a command
// does is in cli/, what commands need from outside in world.ts, what the server is in serve.ts.

import { runCommand } from './cli/main.ts'
import type { Log } from './telemetry/log.ts'
import { makeWorld } from './world.ts'

/** Tells the server to end at SIGTERM or SIGINT, of which a second ends the process, and to reload at SIGHUP. */
function whenServing(log: Log, reload: () => void): Promise<string> {
  watchForBugs(log)
  process.on('SIGHUP', reload)
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })
}

/**
 * A promise that nobody awaits failing is a bug, but no reason to leave every virtual machine without its key. After
 * an exception outside of any promise nothing is known to be in order any more.
 */
function watchForBugs(log: Log): void {
  process.on('unhandledRejection', (error) => log.error({ error }, 'bug: a rejection that nobody handled'))
  process.on('uncaughtException', (error) => {
    log.error({ error }, 'bug: an exception that nobody caught; the process ends')
    process.exit(1)
  })
}

// A reader that went away (`mortise key list | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

const { stdin, stdout, stderr } = process
process.exitCode = await runCommand(process.argv.slice(2), makeWorld({ stdin, stdout, stderr, whenServing }))
