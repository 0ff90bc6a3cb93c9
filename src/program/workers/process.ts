// How a process that serves ends when something is wrong: the server's (main.ts) and a worker's.

import type { Log } from '../../core/ports/log.ts'

/** The process ends this long after the first signal to stop, whatever still runs. */
export const stopMs = 25_000

/** Everything that was acknowledged is on the disk: ending the process in the middle of its stop loses nothing. */
export function endInTime(log: Log): void {
  const end = (): void => {
    log.error({ afterMs: stopMs }, 'the server did not stop in time, so the process ends')
    process.exit(1)
  }
  setTimeout(end, stopMs).unref()
}

/**
 * A rejected promise without a handler is a bug, but no reason to leave every virtual machine without its key. After an
 * exception outside of any promise, the state of the process is unknown, and it ends.
 */
export function watchForBugs(log: Log): void {
  process.on('unhandledRejection', (error) => log.error({ error }, 'bug: a rejection that no code handled'))
  process.on('uncaughtException', (error) => {
    log.error({ error }, 'bug: an exception that no code caught; the process ends')
    process.exit(1)
  })
}
