// The adoption that runs or ran last for each instance, as a job that a request begins. The client's
// private key for the old server, or the API key, is kept in memory only: when the server stops midway, an administrator
// begins the same adoption again, and it goes on where the other one ended.

import type { AdoptionParts, AdoptionProgress, AdoptionRequest } from './adoption.ts'
import { AdoptionFailed } from './failure.ts'
import type { AdoptionReport } from './report.ts'
import type { StandardKeysRequest } from './standard-keys.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import { Refusal } from '../../base/refusal.ts'
import { refusalOf } from '../../doors/http/faults.ts'
import { Jobs, type Job } from '../../doors/http/jobs.ts'

type Parts = Pick<AdoptionParts, 'perform' | 'isHere' | 'signal' | 'onProgress'>

export interface AdoptionsOptions {
  readonly adopt: (parts: Parts, request: AdoptionRequest) => Promise<AdoptionReport>
  readonly adoptStandardKeys: (parts: Parts, request: StandardKeysRequest) => Promise<AdoptionReport>
  /** Called with bugs and outages. */
  readonly failed: (error: unknown) => void
}

interface ShownAdoption {
  /** The instance's name when it began. */
  readonly into: string
  /** The old server, or the root key beside which the old service left its keys. */
  readonly servers: readonly string[]
  readonly progress: AdoptionProgress
}

export interface AdoptionActs
  extends Pick<AdoptionParts, 'perform' | 'isHere'>, Partial<Pick<AdoptionParts, 'onProgress'>> {
  readonly before?: () => Promise<void>
}

export type AdoptionJob = Job<ShownAdoption, AdoptionReport>

export class Adoptions {
  readonly #options: AdoptionsOptions
  /** Each at its instance. */
  readonly #jobs: Jobs<ShownAdoption, AdoptionReport>

  constructor(options: AdoptionsOptions) {
    this.#options = options
    this.#jobs = new Jobs({
      busy: ({ into, servers }) =>
        new Refusal(
          'conflict',
          `an adoption from ${servers.join(', ')} is under way for this instance`,
          `Watch it with mortise adopt status --watch --instance ${shellWord(into)}, and try again when it is done.`,
        ),
      refusalOf: (error) => (error instanceof AdoptionFailed ? refusalOfAdoption(error) : refusalOf(error)),
      onFailure: options.failed,
    })
  }

  /**
   * Begins an adoption. Throws Refusal while another adoption into the instance runs. `perform` and `isHere` act on the keys of the
   * instance in the name of the asker. `before` runs first; if it throws, the adoption fails. `onProgress` receives each step, too.
   */
  begin(
    { id: instanceId, name: into }: { readonly id: string; readonly name: string },
    { before, onProgress, ...on }: AdoptionActs,
    request: AdoptionRequest | StandardKeysRequest,
  ): AdoptionJob {
    const { adopt, adoptStandardKeys } = this.#options
    const progress: AdoptionProgress = { step: 'list', done: 0, total: null, trouble: null }
    const servers = 'rootKey' in request ? [request.rootKey] : request.servers
    return this.#jobs.begin(instanceId, { into, servers, progress }, async (working) => {
      await before?.()
      const tell = (now: AdoptionProgress) => {
        working.onProgress(now)
        onProgress?.(now)
      }
      const parts = { ...on, signal: working.signal, onProgress: tell }
      return 'rootKey' in request ? adoptStandardKeys(parts, request) : adopt(parts, request)
    })
  }

  /** Undefined: none of this id since the server started, or another one came after it. */
  show(instanceId: string, id: string): AdoptionJob | undefined {
    return this.#jobs.show(instanceId, id)
  }

  /** Waits for the end of the one that runs or ran last. Never rejects. */
  ended(instanceId: string): Promise<AdoptionJob | undefined> {
    return this.#jobs.ended(instanceId)
  }

  /** The one that runs or ran last; undefined: none since the server started. */
  last(instanceId: string): AdoptionJob | undefined {
    return this.#jobs.last(instanceId)
  }

  async stop(): Promise<void> {
    return this.#jobs.stop()
  }
}

export function refusalOfAdoption({ why, message, hint }: AdoptionFailed): Refusal {
  return new Refusal(codes[why], message, hint)
}

const codes = { server: 'refused', options: 'bad-request', stopped: 'unavailable' } as const
