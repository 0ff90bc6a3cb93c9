// A scenario, and how it handles a failed vSphere task: the run log records it, and the next task begins.

import type { Site } from './site.ts'
import { PieceFailed } from './endpoint.ts'

export interface Scenario {
  /** How a user selects it: `e`, or its name. */
  readonly id: string
  readonly name: string
  readonly title: string
  readonly run: (site: Site) => Promise<void>
}

/** Whether the task completed. */
export async function attempt(task: () => Promise<unknown>): Promise<boolean> {
  try {
    await task()
    return true
  } catch (error) {
    if (error instanceof PieceFailed) return false
    throw error
  }
}
