// The process: flags in, exit code out, signals, and unexpected errors. doors/cli/ has what a command does, world.ts what commands need
// from outside, serve.ts and run-server.ts the server.

import { runCommand } from './cli.ts'
import { endInTime, watchForBugs } from './workers/process.ts'
import type { Log } from '../core/ports/log.ts'
import { makeWorld } from './world.ts'

/** Tells the server to end at SIGTERM or SIGINT, and to reload at SIGHUP. */
function whenServing(log: Log, reload: () => void): Promise<string> {
  watchForBugs(log)
  // A server goes on when the reader of its welcome has left.
  process.stdout.off('error', answerLost).on('error', () => undefined)
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

/** Ends this process when bin/mortise.js, which started it, is killed: signals to that process no longer reach the server. */
function endWithWrapper(): void {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  process.channel?.unref()
}

/** A reader that went away (`mortise key list | head`) is no error. */
function answerLost({ code, message }: NodeJS.ErrnoException): never {
  if (code === 'EPIPE') process.exit(0)
  process.stderr.write(`mortise: the answer cannot be written: ${message}
  What the command did before stays done: mortise audit list shows it.\n`)
  process.exit(1)
}

process.stdout.on('error', answerLost)
// A command goes on when the reader of its remarks and progress has left.
process.stderr.on('error', () => undefined)

const { stdin, stdout, stderr } = process
/** Loaded only where the configuration asks for it: most commands do not. */
async function enterFips(dataFolder: string): Promise<void> {
  const { enterFips: enter } = await import('../host/fips.ts')
  enter(dataFolder)
}

const world = makeWorld({ stdin, stdout, stderr, whenServing, enterFips })
// A command may wait for a timer that keeps no process alive, as before it asks a root key's service again.
const alive = setInterval(() => undefined, 60_000)
process.exitCode = await runCommand(process.argv.slice(2), world).finally(() => clearInterval(alive))
