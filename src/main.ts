// The process: flags in, exit code out, signals, and what happens to an error that nobody expected. What a command
// does is in cli/, what commands need from outside in world.ts, what the server is in serve.ts.

import { runCommand } from './cli/main.ts'
import { limits } from './limits.ts'
import type { Log } from './telemetry/log.ts'
import { makeWorld } from './world.ts'

/** Tells the server to end at SIGTERM or SIGINT, and to reload at SIGHUP. */
function whenServing(log: Log, reload: () => void): Promise<string> {
  watchForBugs(log)
  process.on('SIGHUP', reload)
  const stopped = firstSignal()
  // Also while the server starts, which may take long if a root key does not answer.
  void stopped.then(() => endInTime(log))
  return stopped
}

/** Resolves at the first SIGTERM or SIGINT. A second one, whichever it is, does what it does by itself: it ends the process. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const signals = ['SIGTERM', 'SIGINT'] as const
    const stop = (signal: NodeJS.Signals): void => {
      for (const other of signals) process.off(other, stop)
      resolve(signal)
    }
    for (const signal of signals) process.on(signal, stop)
    endWithWrapper()
  })
}

/** Where bin/mortise.js stands in front of this process and is killed, nobody could stop the server any more. */
function endWithWrapper(): void {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  process.channel?.unref()
}

/** Everything that was acknowledged is on the disk: ending the process in the middle of its stop loses nothing. */
function endInTime(log: Log): void {
  const end = (): void => {
    log.error({ afterMs: limits.stopMs }, 'the server did not stop in time, so the process ends')
    process.exit(1)
  }
  setTimeout(end, limits.stopMs).unref()
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
