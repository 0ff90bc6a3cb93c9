// Jobs that one request begins and that go on in the background while other requests look at them: adoptions and restores. At
// each place, an instance or the whole server, one runs at a time. The last one is remembered in memory only; after a stop of
// the server an administrator begins it again.

import { randomUUID } from 'node:crypto'
import type { NodeLeases } from '../../core/server/leases.ts'
import { Refusal } from '../../base/refusal.ts'

/** The place of jobs that concern no single instance. */
export const wholeServer = 'server'

/** `Shown`: the fields for every viewer, such as its progress. */
export type Job<Shown extends { readonly progress: unknown }, Report> = Shown & {
  readonly id: string
  /** null: it runs. */
  readonly ended:
    | { readonly state: 'done'; readonly report: Report }
    | { readonly state: 'failed'; readonly refusal: Refusal }
    | null
}

/** Does the work of a job. It ends early once `signal` is aborted. */
export type JobWork<Progress, Report> = (working: {
  readonly onProgress: (progress: Progress) => void
  readonly signal: AbortSignal
}) => Promise<Report>

export interface JobsOptions<Shown extends { readonly progress: unknown }, Report> {
  /** The refusal of a second job at the place where `running` runs. */
  readonly busy: (running: Job<Shown, Report>) => Refusal
  /** The error for the asker who began the job; undefined: it is a bug or an outage. `stops`: the server stops. */
  readonly refusalOf: (error: unknown, stops: boolean) => Refusal | undefined
  /** Called with bugs and outages. */
  readonly onFailure: (error: unknown) => void
}

export class Jobs<Shown extends { readonly progress: unknown }, Report> {
  readonly #options: JobsOptions<Shown, Report>
  readonly #stopping = new AbortController()
  /** By place. */
  readonly #last = new Map<string, { job: Job<Shown, Report>; running: Promise<void> }>()

  constructor(options: JobsOptions<Shown, Report>) {
    this.#options = options
  }

  /** Throws Refusal while another one runs at this place. */
  begin(place: string, shown: Shown, work: JobWork<Shown['progress'], Report>): Job<Shown, Report> {
    const last = this.last(place)
    if (last?.ended === null) throw this.#options.busy(last)
    const job = { ...shown, id: randomUUID(), ended: null }
    const held = { job, running: Promise.resolve() }
    this.#last.set(place, held)
    held.running = this.#run(held, work)
    return job
  }

  /** The one that runs or ran last. */
  last(place: string): Job<Shown, Report> | undefined {
    return this.#last.get(place)?.job
  }

  /** undefined: there was none with this id since the server started, or another one came after it. */
  show(place: string, id: string): Job<Shown, Report> | undefined {
    const last = this.last(place)
    return last?.id === id ? last : undefined
  }

  /** Waits for the end of the one that runs or ran last; undefined: there was none. Never rejects. */
  async ended(place: string): Promise<Job<Shown, Report> | undefined> {
    const held = this.#last.get(place)
    await held?.running
    return held?.job
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all([...this.#last.values()].map(({ running }) => running))
  }

  async #run(held: { job: Job<Shown, Report> }, work: JobWork<Shown['progress'], Report>): Promise<void> {
    const { signal } = this.#stopping
    const onProgress = (progress: Shown['progress']) => {
      held.job = { ...held.job, progress }
    }
    try {
      const report = await work({ onProgress, signal })
      held.job = { ...held.job, ended: { state: 'done', report } }
    } catch (error) {
      held.job = { ...held.job, ended: { state: 'failed', refusal: this.#refusal(error) } }
    }
  }

  #refusal(error: unknown): Refusal {
    const { refusalOf, onFailure } = this.#options
    const known = refusalOf(error, this.#stopping.signal.aborted)
    if (known) return known
    onFailure(error)
    return new Refusal('internal', 'something went wrong in the server', 'Its log says more.')
  }
}

/** Throws Refusal if another node does such work: it alone knows the job. */
export async function refuseIfElsewhere(
  { leases }: { readonly leases: Pick<NodeLeases, 'elsewhere'> },
  work: 'adoption' | 'restore' | 'vcenter-connect' | 'vcenter-read',
): Promise<void> {
  const node = await leases.elsewhere(work)
  if (node !== null)
    throw new Refusal(
      'not-found',
      `the ${work} is not on this node: the node ${node} is at one`,
      'Ask that node: each knows only what was begun on it.',
    )
}

/** For work that throws the reason of its signal. */
export function serverStops(): Refusal {
  return new Refusal('unavailable', 'the server stops', 'Do the same again.')
}
