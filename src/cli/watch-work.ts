// Watches long work: shows how far it is until it ends, or until the user presses Ctrl-C. The server goes on with its work
// either way.

import { setTimeout as sleep } from 'node:timers/promises'
import { Progress, type WorkProgress } from './progress.ts'
import type { World } from './world.ts'

/** Long work of the server, as the admin API shows it. */
export interface ShownWork extends WorkProgress {
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

/** Looks again until the work has ended; returns the last look, which is still running if the user pressed Ctrl-C. */
export function untilEnded<Work extends ShownWork>(
  begun: Work,
  watching: {
    readonly stderr: World['stderr']
    /** The words for what each step counts, such as `objects read`. */
    readonly steps: Readonly<Record<Work['step'], string>>
    readonly everyMs: number
    readonly look: () => Promise<Work>
  },
): Promise<Work> {
  const { stderr, steps, everyMs, look } = watching
  return interruptible(async (interrupted) => {
    let now = begun
    let progress: Progress | undefined
    let step: Work['step'] | undefined
    try {
      while (now.state === 'running' && !interrupted.aborted) {
        if (step !== now.step) {
          progress?.end()
          step = now.step
          progress = new Progress(stderr, steps[step])
        }
        progress?.tell({ done: now.done, total: now.total, trouble: now.trouble })
        await pause(everyMs, interrupted)
        now = await look()
      }
      return now
    } finally {
      progress?.end()
    }
  })
}
