// What a scenario is, and how it takes a task of vSphere's that fails: the run log has it, and the next task begins.

import type { Site } from './site.ts'
import { PieceFailed } from './endpoint.ts'

export interface Scenario {
  /** As it is chosen: `e`, or by its name. */
  readonly id: string
  readonly name: string
  readonly title: string
  readonly run: (site: Site) => Promise<void>
}

/** Whether the task came to its end. */
export async function attempt(task: () => Promise<unknown>): Promise<boolean> {
  try {
    await task()
    return true
  } catch (error) {
    if (error instanceof PieceFailed) return false
    throw error
  }
}
