// The restore from standard keys that runs or ran last, as a job that a request begins (jobs.ts).
// features/restore/restore.ts does the work.

import type { By } from '../../core/audit/actor.ts'
import { RootKeyError } from '../../core/ports/root-key.ts'
import type { RestoreReport } from './report.ts'
import { RestoreRefused, type RestoreProgress, type RestoreWanted, type RestoreOptions } from './restore.ts'
import { Refusal } from '../../base/refusal.ts'
import { refusalOf } from '../../doors/http/faults.ts'
import { Jobs, restoreUnderWay, serverStops, wholeServer, type Job } from '../../doors/http/jobs.ts'

export interface RestoresOptions {
  readonly restore: (by: By, wanted: RestoreWanted, restoring: RestoreOptions) => Promise<RestoreReport>
  /** Whether this server has the instance. */
  readonly isThere: (instanceId: string) => Promise<boolean>
  /** Called with an error that is a bug or an outage. */
  readonly onFailure: (error: unknown) => void
}

interface ShownRestore {
  readonly wanted: Omit<RestoreWanted, 'apiKey'>
  readonly progress: RestoreProgress
}

export type Restore = Job<ShownRestore, RestoreReport>

export class Restores {
  readonly #options: RestoresOptions
  readonly #jobs: Jobs<ShownRestore, RestoreReport>

  constructor(options: RestoresOptions) {
    this.#options = options
    this.#jobs = new Jobs({
      busy: restoreUnderWay,
      refusalOf: (error, stops) => refusalOfRestore(error) ?? (stops ? serverStops() : undefined),
      onFailure: options.onFailure,
    })
  }

  /** Whether a restore runs, or ran since the server started. */
  get isBegun(): boolean {
    return this.#jobs.last(wholeServer) !== undefined
  }

  /** Returns the last restore if it was asked for the same and runs or is done. */
  async same(wanted: Restore['wanted']): Promise<Restore | undefined> {
    const before = this.#jobs.last(wholeServer)?.ended
    const isThere = before?.state === 'done' && (await this.#options.isThere(before.report.instance.id))
    const last = this.#jobs.last(wholeServer)
    const isSame = last && JSON.stringify(fieldsOf(last.wanted)) === JSON.stringify(fieldsOf(wanted))
    return isSame && (last.ended === null || (isThere && last.ended === before)) ? last : undefined
  }

  /** Begins a restore, or returns the same one that runs or is done. Throws Refusal while another one runs. */
  async begin(by: By, asked: RestoreWanted): Promise<Restore> {
    const { apiKey: _, ...wanted } = asked
    const same = await this.same(wanted)
    if (same) return same
    const progress: RestoreProgress = { step: 'list', done: 0, total: null, trouble: null }
    return this.#jobs.begin(wholeServer, { wanted, progress }, (working) =>
      this.#options.restore(by, asked, working),
    )
  }

  /** undefined: there was no restore with this id since the server started, or another one came after it. */
  show(id: string): Restore | undefined {
    return this.#jobs.show(wholeServer, id)
  }

  /** Stops the running restore at the next place where it can be resumed. */
  async stop(): Promise<void> {
    return this.#jobs.stop()
  }
}

/** Its cause is a RestoreRefused that has choices, if there are any. */
function refusalOfRestore(error: unknown): Refusal | undefined {
  if (error instanceof RestoreRefused)
    return new Refusal(codes[error.why], error.message, hints[error.why], { cause: error })
  if (error instanceof RootKeyError)
    return new Refusal(
      'refused',
      error.message,
      'Nothing of the instance is here yet. When the root key answers, do the same again.',
    )
  return refusalOf(error)
}

function fieldsOf(wanted: Restore['wanted']): readonly unknown[] {
  const { rootKeyUri, otherRootKeyUris = [], partial = false, instanceId, name } = wanted
  return [rootKeyUri, otherRootKeyUris, partial, instanceId, name]
}

const codes = {
  nothing: 'not-found',
  several: 'conflict',
  'other-root-key': 'refused',
  'more-root-keys': 'refused',
} as const

const hints: Record<RestoreRefused['why'], string> = {
  several: 'Choose one: --instance-id ID.',
  nothing:
    'Look whether it is the right service instance and key ring (?key-ring=RING). Only the custody keyprotect keeps keys there; with the custody database a backup of the database is needed.',
  'other-root-key':
    'Name the root key that sealed the instance. Those that there are: mortise root-key list --root-key URI.',
  'more-root-keys':
    'Name both root keys: --root-key URI for the one that it is to have, --old-root-key URI for the other. If that one is gone for good, --partial brings back the rest.',
}
