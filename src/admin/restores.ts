// Keeps the restore that runs or ran last: one request begins it, it runs in the background, and other requests look
// at it. instances/restore/restore.ts does the work. It is remembered in memory only; after a stop of the server
// somebody begins it again.

import { randomUUID } from 'node:crypto'
import type { By } from '../audit/actor.ts'
import { RootKeyError } from '../ports/root-key.ts'
import type { RestoreReport } from '../instances/restore/report.ts'
import {
  RestoreRefused,
  type RestoreChoice,
  type RestoreProgress,
  type RestoreWanted,
  type RestoreOptions,
} from '../instances/restore/restore.ts'
import { Refusal } from './errors.ts'
import { refusalOf } from './faults.ts'

export interface RestoresOptions {
  readonly restore: (by: By, wanted: RestoreWanted, restoring: RestoreOptions) => Promise<RestoreReport>
  /** Whether this server has the instance. */
  readonly isThere: (instanceId: string) => Promise<boolean>
  /** Called with an error that is a bug or an outage. */
  readonly onFailure: (error: unknown) => void
}

export interface Restore {
  readonly id: string
  readonly wanted: Omit<RestoreWanted, 'apiKey'>
  readonly progress: RestoreProgress
  readonly ended:
    | { readonly state: 'done'; readonly report: RestoreReport }
    | { readonly state: 'failed'; readonly refusal: Refusal; readonly choices: readonly RestoreChoice[] }
    | null
}

export class Restores {
  readonly #options: RestoresOptions
  readonly #stopping = new AbortController()
  #last: Restore | undefined
  #running: Promise<void> | undefined

  constructor(options: RestoresOptions) {
    this.#options = options
  }

  /** Whether a restore runs, or ran since the server started. */
  get isBegun(): boolean {
    return this.#last !== undefined
  }

  /** Returns the last restore if it was asked for the same and runs or is done. */
  async same(wanted: Restore['wanted']): Promise<Restore | undefined> {
    const before = this.#last?.ended
    const isThere = before?.state === 'done' && (await this.#options.isThere(before.report.instance.id))
    const last = this.#last
    const isSame = last && JSON.stringify(fieldsOf(last.wanted)) === JSON.stringify(fieldsOf(wanted))
    return isSame && (last.ended === null || (isThere && last.ended === before)) ? last : undefined
  }

  /** Begins a restore, or returns the same one that runs or is done. Throws Refusal while another one runs. */
  async begin(by: By, { apiKey, ...wanted }: RestoreWanted): Promise<Restore> {
    const same = await this.same(wanted)
    if (same) return same
    if (this.#last?.ended === null)
      throw new Refusal('conflict', 'another restore is under way', 'Try again when it is done.')
    const progress: RestoreProgress = { step: 'list', done: 0, total: null, trouble: null }
    const restore: Restore = { id: randomUUID(), wanted, progress, ended: null }
    this.#last = restore
    this.#running = this.#run(by, { ...wanted, ...(apiKey !== undefined && { apiKey }) })
    return restore
  }

  /** undefined: there was no restore with this id since the server started, or another one came after it. */
  show(id: string): Restore | undefined {
    return this.#last?.id === id ? this.#last : undefined
  }

  /** Stops the running restore at the next place where it can be resumed. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(by: By, wanted: RestoreWanted): Promise<void> {
    const { signal } = this.#stopping
    try {
      const onProgress = (progress: RestoreProgress) => this.#update({ progress })
      const report = await this.#options.restore(by, wanted, { onProgress, signal })
      this.#update({ ended: { state: 'done', report } })
    } catch (error) {
      const choices = error instanceof RestoreRefused ? error.choices : []
      this.#update({ ended: { state: 'failed', refusal: this.#refusal(error), choices } })
    }
  }

  #update(news: Partial<Restore>): void {
    if (this.#last) this.#last = { ...this.#last, ...news }
  }

  #refusal(error: unknown): Refusal {
    if (error instanceof RestoreRefused) return new Refusal(codes[error.why], error.message, hints[error.why])
    if (error instanceof RootKeyError)
      return new Refusal(
        'refused',
        error.message,
        'Nothing of the instance is here yet. When the root key answers, do the same again.',
      )
    const known = refusalOf(error)
    if (known) return known
    if (this.#stopping.signal.aborted)
      return new Refusal('unavailable', 'the server stops', 'Do the same again.')
    this.#options.onFailure(error)
    return new Refusal('internal', 'something went wrong in the server', 'Its log says more.')
  }
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
