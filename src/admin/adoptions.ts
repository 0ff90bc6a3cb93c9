// The adoption that runs or ran last for each instance: begun by one request, done in the background, looked at by others.
// adopt/ does it. It is remembered in memory only, with the client's private key for the old server or the API key: when the
// server stops midway, the same adoption is begun anew and goes on where the other one ended.

import { randomUUID } from 'node:crypto'
import type { AdoptionParts, AdoptionProgress, AdoptionWanted } from '../adopt/adoption.ts'
import { AdoptionFailed } from '../adopt/failure.ts'
import type { AdoptionReport } from '../adopt/report.ts'
import type { StandardKeysWanted } from '../adopt/standard-keys.ts'
import { Refusal } from './errors.ts'
import { refusalOf } from './faults.ts'

type Parts = Pick<AdoptionParts, 'perform' | 'signal' | 'onProgress'>

export interface AdoptionsOptions {
  readonly adopt: (parts: Parts, wanted: AdoptionWanted) => Promise<AdoptionReport>
  readonly adoptStandardKeys: (parts: Parts, wanted: StandardKeysWanted) => Promise<AdoptionReport>
  /** Called with bugs and outages. */
  readonly failed: (error: unknown) => void
}

export interface Adoption {
  readonly id: string
  readonly instanceId: string
  /** The old server, or the root key beside which the old service left its keys. */
  readonly servers: readonly string[]
  readonly progress: AdoptionProgress
  readonly ended:
    | { readonly state: 'done'; readonly report: AdoptionReport }
    | { readonly state: 'failed'; readonly refusal: Refusal }
    | null
}

export class Adoptions {
  readonly #options: AdoptionsOptions
  readonly #stopping = new AbortController()
  /** By instance. */
  readonly #last = new Map<string, Adoption>()
  readonly #running = new Map<string, Promise<void>>()

  constructor(options: AdoptionsOptions) {
    this.#options = options
  }

  /** Refusal while another adoption into the instance runs. `perform`: one transaction in the name of whoever asked. */
  begin(
    instanceId: string,
    perform: AdoptionParts['perform'],
    wanted: AdoptionWanted | StandardKeysWanted,
  ): Adoption {
    const last = this.#last.get(instanceId)
    if (last?.ended === null)
      throw new Refusal(
        'conflict',
        `an adoption from ${last.servers.join(', ')} is under way for this instance`,
        `Watch it, or try again when it is done: its id is ${last.id}.`,
      )
    const progress: AdoptionProgress = { step: 'list', done: 0, total: null, trouble: null }
    const servers = 'rootKey' in wanted ? [wanted.rootKey] : wanted.servers
    const adoption: Adoption = { id: randomUUID(), instanceId, servers, progress, ended: null }
    this.#last.set(instanceId, adoption)
    this.#running.set(instanceId, this.#run(instanceId, perform, wanted))
    return adoption
  }

  /** Undefined: none of this id since the server started, or another one came after it. */
  show(instanceId: string, id: string): Adoption | undefined {
    const last = this.#last.get(instanceId)
    return last?.id === id ? last : undefined
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#running.values())
  }

  async #run(
    instanceId: string,
    perform: AdoptionParts['perform'],
    wanted: AdoptionWanted | StandardKeysWanted,
  ): Promise<void> {
    const update = (news: Partial<Adoption>) => {
      const last = this.#last.get(instanceId)
      if (last) this.#last.set(instanceId, { ...last, ...news })
    }
    try {
      const { signal } = this.#stopping
      const onProgress = (progress: AdoptionProgress) => update({ progress })
      const parts = { perform, signal, onProgress }
      const { adopt, adoptStandardKeys } = this.#options
      const report = await ('rootKey' in wanted ? adoptStandardKeys(parts, wanted) : adopt(parts, wanted))
      update({ ended: { state: 'done', report } })
    } catch (error) {
      update({ ended: { state: 'failed', refusal: this.#refusal(error) } })
    } finally {
      this.#running.delete(instanceId)
    }
  }

  #refusal(error: unknown): Refusal {
    if (error instanceof AdoptionFailed) return refusalOfAdoption(error)
    const known = refusalOf(error)
    if (known) return known
    this.#options.failed(error)
    return new Refusal('internal', 'something went wrong in the server', 'Its log says more.')
  }
}

export function refusalOfAdoption({ why, message, hint }: AdoptionFailed): Refusal {
  return new Refusal(codes[why], message, hint)
}

const codes = { server: 'refused', options: 'bad-request', stopped: 'unavailable' } as const
