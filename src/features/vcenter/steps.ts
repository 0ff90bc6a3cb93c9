// The steps of one connect, as far as they came, with the outcome of each.

import type { connectSteps, stepStates } from './routes.ts'

export type StepName = (typeof connectSteps)[number]
export type StepState = (typeof stepStates)[number]

export interface ConnectStep {
  readonly step: StepName
  readonly state: StepState
  /** A sentence for people, without a full stop. */
  readonly text: string
}

export interface ConnectProgress {
  readonly steps: readonly ConnectStep[]
  readonly warnings: readonly string[]
}

/** The outcome of a step. */
export type StepOutcome = Pick<ConnectStep, 'text'> & {
  readonly state: Exclude<StepState, 'running' | 'failed'>
}

export class ConnectSteps {
  readonly #onProgress: (progress: ConnectProgress) => void
  #steps: readonly ConnectStep[] = []
  #warnings: readonly string[] = []

  constructor(onProgress: (progress: ConnectProgress) => void) {
    this.#onProgress = onProgress
  }

  /** Runs one step; `text` says what it is about meanwhile. Rejects as `work` does. */
  async run(step: StepName, text: string, work: () => Promise<StepOutcome>): Promise<void> {
    const before = this.#steps
    const say = (state: StepState, said: string) => {
      this.#steps = [...before, { step, state, text: said }]
      this.#tell()
    }
    say('running', text)
    try {
      const outcome = await work()
      say(outcome.state, outcome.text)
    } catch (error) {
      say('failed', text)
      throw error
    }
  }

  /** Says how far the step is that runs. */
  tell(text: string): void {
    this.#steps = this.#steps.map((step) => (step.state === 'running' ? { ...step, text } : step))
    this.#tell()
  }

  warn(warning: string): void {
    this.#warnings = [...this.#warnings, warning]
    this.#tell()
  }

  #tell(): void {
    this.#onProgress({ steps: this.#steps, warnings: this.#warnings })
  }
}
