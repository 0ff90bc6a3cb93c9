// Watches long work: shows how far it is until it ends, or until the user presses Ctrl-C. The server goes on with its work
// either way.

import { setTimeout as sleep } from 'node:timers/promises'
import { AdminUnreachable } from '../http/client.ts'
import { Refusal } from '../../base/refusal.ts'
import { Progress, type ShownProgress } from './text/progress.ts'
import { CommandError, type World } from './world.ts'

/** Long work of the server, as the admin API shows it. */
export interface ShownWork extends ShownProgress {
  readonly state: 'running' | 'done' | 'failed'
  readonly step: string
}

/** Calls `run` with a signal that the first Ctrl-C aborts. A second one ends the process. */
export async function interruptible<T>(run: (interrupted: AbortSignal) => Promise<T>): Promise<T> {
  const interrupted = new AbortController()
  const interrupt = (): void => interrupted.abort()
  process.once('SIGINT', interrupt)
  try {
    return await run(interrupted.signal)
  } finally {
    process.off('SIGINT', interrupt)
  }
}

/** Waits, at most until the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined)
}

/** Whether the server does not answer, or says that its store does not: a command that watches goes on. */
export function isAway(error: unknown): error is AdminUnreachable | Refusal {
  return error instanceof AdminUnreachable || (error instanceof Refusal && error.code === 'unavailable')
}

/** Why a command that watches waits. */
export function awayText(error: AdminUnreachable | Refusal): string {
  return error instanceof Refusal ? error.message : `the server does not answer: ${error.message}`
}

/** How long looks may fail before the watching ends: one connection that breaks says nothing about the work. */
const unreachableMaxMs = 15_000

interface Watching<Work> {
  readonly everyMs: number
  readonly look: () => Promise<Work>
  /** The error for the user. */
  readonly gone: (error: Error) => Error
  /** The signal of a caller that is interruptible itself. */
  readonly interrupted?: AbortSignal
}

/** As `looksUntilEnded`, and shows how far the work is. */
export async function untilEnded<Work extends ShownWork>(
  begun: Work,
  watching: Watching<Work> & {
    readonly stderr: World['stderr']
    /** The words for what each step counts, such as `objects read`. */
    readonly steps: Readonly<Record<Work['step'], string>>
  },
): Promise<Work> {
  const { stderr, steps } = watching
  const progress = new Progress(stderr, steps[begun.step as Work['step']])
  const tell = ({ state, step, done, total, trouble }: Work, away: string | null) => {
    if (state === 'failed') return
    progress.begin(steps[step as Work['step']])
    progress.tell({ done, total, trouble: away ?? trouble })
  }
  try {
    const last = await looksUntilEnded(begun, { ...watching, tell })
    if (last.state === 'done') progress.finish(0)
    return last
  } finally {
    progress.end()
  }
}

/**
 * Looks again until the work has ended; returns the last look, which is still running if the user pressed Ctrl-C. Rejects with
 * `gone` once the server has ended, or has not answered for a while. A server whose store is away answers. `tell` gets the first look,
 * each later one, and why there is none (`away`).
 */
export function looksUntilEnded<Work extends Pick<ShownWork, 'state'>>(
  begun: Work,
  watching: Watching<Work> & { readonly tell: (now: Work, away: string | null) => void },
): Promise<Work> {
  const { everyMs, look, gone, tell } = watching
  const watch = async (interrupted: AbortSignal): Promise<Work> => {
    let now = begun
    let answeredAtMs = performance.now()
    tell(now, null)
    while (now.state === 'running' && !interrupted.aborted) {
      await pause(everyMs, interrupted)
      try {
        now = await look()
        answeredAtMs = performance.now()
        tell(now, null)
      } catch (error) {
        if (!isAway(error)) throw error
        if (error instanceof Refusal) answeredAtMs = performance.now()
        if (error.code === 'ECONNREFUSED' || performance.now() - answeredAtMs >= unreachableMaxMs)
          throw gone(error)
        tell(now, awayText(error))
      }
    }
    return now
  }
  return watching.interrupted ? watch(watching.interrupted) : interruptible(watch)
}

/** The error when the server goes away while the command watches a restore. */
export function goneInRestore(error: Error): CommandError {
  return new CommandError(
    `the server does not answer any more: ${error.message}`,
    'Nothing of the instance is there before all of it is. When the server is back, give the same command again.',
    { cause: error },
  )
}
