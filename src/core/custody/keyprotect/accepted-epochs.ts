// The epochs of `restore-accept` (rules.ts, rule 6). The server raises an instance's epoch above all that the services of its
// root keys know, and records it there after the commit. A service that does not answer delays nothing: the server stores the
// marker as soon as the service answers, and before it deletes anything there.

import type { Clock } from '../../ports/clock.ts'
import { RootKeyError, type OpenRootKey } from '../../ports/root-key.ts'
import type { Store, Write } from '../../ports/store.ts'
import { StandardKeyTroubles } from '../../sealing/standard-key-troubles.ts'
import { custodyNeeds, type CustodyInstance } from '../custody.ts'
import { requireStandardKeys } from './copies.ts'
import { markerName } from './description.ts'
import { Markers, markersIn, wantedOf } from './markers.ts'
import { allStandardKeys } from './pages.ts'
import { withHigherEpoch } from './restore-markers.ts'

/** An instance's epoch beside one of its root keys. */
export interface AcceptedEpoch {
  /** The instance's name. */
  readonly instance: string
  readonly rootKey: string
  /** Why the service has no record of it yet; null: it has one. */
  readonly cause: string | null
}

interface Raised {
  readonly instance: CustodyInstance
  readonly rootKeyUri: string
  /** Why there is no answer of the service; undefined: it answered. */
  readonly refusal: RootKeyError | undefined
}

export class AcceptedEpochs {
  readonly #store: Store
  readonly #openRootKey: OpenRootKey
  readonly #markers: Markers
  readonly #raised: Raised[] = []

  constructor({ store, clock, openRootKey }: { store: Store; clock: Clock; openRootKey: OpenRootKey }) {
    this.#store = store
    this.#openRootKey = openRootKey
    this.#markers = new Markers({
      store,
      clock,
      openRootKey,
      // Nothing is deleted here, so this function is never called.
      epochOf: () => Promise.resolve(undefined),
      troubles: new StandardKeyTroubles(clock),
    })
  }

  /**
   * Returns the instance with its new epoch, and the writes to commit with it. Returns the instance unchanged if it has no keys
   * at a service.
   */
  async raise<T extends CustodyInstance>(
    instance: T,
    nowMs: number,
  ): Promise<{ readonly instance: T; readonly writes: readonly Write[] }> {
    const rows = await allStandardKeys(this.#store, { instanceId: instance.id })
    const known = rows.filter(({ kind }) => kind === 'marker').map(wantedOf)
    const rootKeyUris = new Set(rows.map(({ rootKeyUri }) => rootKeyUri))
    if (custodyNeeds[instance.custody].standardKeys) rootKeyUris.add(instance.rootKeyUri)
    const answers = await Promise.all([...rootKeyUris].map((uri) => this.#markersBeside(uri, instance.id)))
    const seen = answers.flatMap(({ markers }) => markers)
    const raised = withHigherEpoch(instance, { nowMs, known: [...known, ...seen], rootKeyUris })
    for (const write of raised.writes) {
      if (write.type !== 'standard-key') continue
      const { rootKeyUri } = write.record
      const refusal = answers.find(({ uri }) => uri === rootKeyUri)?.refusal
      this.#raised.push({ instance: raised.instance, rootKeyUri, refusal })
    }
    return raised
  }

  /** To be called after the commit. Skips a service that could not be reached a moment ago. */
  record(): Promise<readonly AcceptedEpoch[]> {
    return Promise.all(
      this.#raised.map(async ({ instance, rootKeyUri: rootKey, refusal }) => {
        const settled = refusal ? Promise.reject(refusal) : this.#markers.settle(instance.id, rootKey)
        const cause = await settled.then(
          () => null,
          (error: unknown) => {
            if (error instanceof RootKeyError) return error.message
            throw error
          },
        )
        return { instance: instance.name, rootKey, cause }
      }),
    )
  }

  async #markersBeside(uri: string, instanceId: string) {
    try {
      const rootKey = await this.#openRootKey(uri, instanceId)
      const entries = await requireStandardKeys(rootKey).find(markerName(instanceId))
      return { uri, markers: markersIn(instanceId, entries), refusal: undefined }
    } catch (refusal) {
      if (refusal instanceof RootKeyError) return { uri, markers: [], refusal }
      throw refusal
    }
  }
}
