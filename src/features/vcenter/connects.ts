// The connect that runs or ran last for each vCenter, as a job that a request begins. The password is in memory only: when the server stops
// midway, a person begins the same connect again, and it goes on where the other one ended.

import { Refusal } from '../../base/refusal.ts'
import { refusalOf } from '../../doors/http/faults.ts'
import { Jobs, serverStops, type Job, type JobWork } from '../../doors/http/jobs.ts'
import { VsphereError } from '../../outside/vsphere-api/errors.ts'
import type { ConnectProgress } from './steps.ts'

export interface ShownConnect {
  /** The name of the vCenter. */
  readonly vcenter: string
  readonly provider: string
  readonly dryRun: boolean
  readonly progress: ConnectProgress
}

export type ConnectJob = Job<ShownConnect, null>

export class Connects {
  readonly #jobs: Jobs<ShownConnect, null>

  /** `failed` is called with bugs and outages. */
  constructor(failed: (error: unknown) => void) {
    this.#jobs = new Jobs({
      busy: ({ vcenter }) =>
        new Refusal('conflict', `a connect of ${vcenter} is under way`, 'Try again when it is done.'),
      refusalOf: (error, stops) => (stops ? serverStops() : refusalOfVcenter(error)),
      onFailure: failed,
    })
  }

  /** Throws Refusal while another one of this vCenter runs. */
  begin(id: string, about: Omit<ShownConnect, 'progress'>, work: JobWork<ConnectProgress, null>): ConnectJob {
    return this.#jobs.begin(id, { ...about, progress: { steps: [], warnings: [] } }, work)
  }

  /** Undefined: none of this id since the server started, or another one came after it. */
  show(id: string, connect: string): ConnectJob | undefined {
    return this.#jobs.show(id, connect)
  }

  async stop(): Promise<void> {
    return this.#jobs.stop()
  }
}

/** The error for the person who asked; undefined: it is a bug or an outage here. */
export function refusalOfVcenter(error: unknown): Refusal | undefined {
  if (error instanceof VsphereError)
    return new Refusal('refused', error.message, error.hint, { cause: error })
  return refusalOf(error)
}
