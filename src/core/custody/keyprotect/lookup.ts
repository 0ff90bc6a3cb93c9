// Looks for copies of one object at the service, by its name or by known ids, and reads them. It changes nothing.

import type { OpenRootKey } from '../../ports/root-key.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import type { Store } from '../../ports/store.ts'
import {
  RootKeyError,
  type RootKey,
  type StandardKeyEntry,
  type CorrelationIds,
} from '../../ports/root-key.ts'
import { standardKeyClockSkewMs } from './bounds.ts'
import { readIfThere, requireStandardKeys, type Copies, type CopyOf, type ReadCopy } from './copies.ts'
import { readDescription, standardKeyName } from './description.ts'
import { allStandardKeys } from './pages.ts'
import { PayloadError } from './payload.ts'
import type { StandardKeyRef } from './reference.ts'

/** A standard key as a list shows it, with the root key that opens it. */
export type ListedStandardKey = StandardKeyEntry & { readonly rootKey: RootKey }

interface LookupOptions {
  readonly store: Pick<Store, 'standardKeys'>
  readonly openRootKey: OpenRootKey
  readonly copies: Pick<Copies, 'read'>
}

export class Lookup {
  readonly #options: LookupOptions

  constructor(options: LookupOptions) {
    this.#options = options
  }

  /** 'deleted': the copy does not exist. 'closed': it does not open, or holds something else. Throws RootKeyError. */
  async read(
    rootKey: RootKey,
    id: string,
    of: CopyOf,
    correlationIds?: CorrelationIds,
  ): Promise<ReadCopy | 'deleted' | 'closed'> {
    try {
      return await this.#options.copies.read(rootKey, id, of, correlationIds)
    } catch (error) {
      if (error instanceof PayloadError) return 'closed'
      if (!(error instanceof RootKeyError) || error.reach !== 'wrapped-form') throw error
    }
    return (await readIfThere(rootKey, id, correlationIds)) ? 'closed' : 'deleted'
  }

  /** The live copies that the service lists beside the root key of the known copy. Throws RootKeyError. */
  async find(
    instance: { readonly id: string },
    identifier: string,
    ref: StandardKeyRef,
  ): Promise<readonly ListedStandardKey[]> {
    const rootKey = await this.#options.openRootKey(ref.rootKeyUri, instance.id)
    const row = (await this.rows(instance.id, identifier)).find(({ id }) => id === ref.standardKeyId)
    const sinceMs = row ? { sinceMs: row.createdMs - standardKeyClockSkewMs } : {}
    const entries = await requireStandardKeys(rootKey).find(standardKeyName(identifier), sinceMs)
    return entries.flatMap((one) => {
      const said = readDescription(one.description)
      const isOurs = said?.kind === 'key' && said.instanceId === instance.id && said.rootKeyId === rootKey.id
      return isOurs ? [{ ...one, rootKey }] : []
    })
  }

  /** The highest listed copy above the known one that opens, and is not another key; undefined: there is none. */
  async higher(
    instance: { readonly id: string },
    identifier: string,
    ref: StandardKeyRef,
    isOther: (read: ReadCopy) => boolean,
  ): Promise<ReadCopy | undefined> {
    const above = (await this.find(instance, identifier, ref)).filter(
      (listed) => generationOf(listed) > ref.generation,
    )
    for (const { id, rootKey } of above.toSorted(highestFirst)) {
      const read = await this.read(rootKey, id, { instanceId: instance.id, identifier })
      if (typeof read === 'string') continue
      if (read.header.generation > ref.generation && !isOther(read)) return read
      read.bytes.fill(0)
    }
    return undefined
  }

  rows(instanceId: string, identifier: string): Promise<readonly StandardKeyRecord[]> {
    return allStandardKeys(this.#options.store, { instanceId, kind: 'object', identifier })
  }

  async rootKeyOf({ rootKeyUri, rootKeyId }: StandardKeyRef, instanceId: string): Promise<RootKey> {
    const rootKey = await this.#options.openRootKey(rootKeyUri, instanceId)
    if (rootKey.id === rootKeyId) return rootKey
    throw new RootKeyError('root-key', `${rootKeyUri} is another root key (${rootKey.id}) now`)
  }
}

function highestFirst(a: ListedStandardKey, b: ListedStandardKey): number {
  return generationOf(b) - generationOf(a) || (a.id < b.id ? -1 : 1)
}

/** The generation in its description; 0 if the description has none. */
export function generationOf({ description }: Pick<StandardKeyEntry, 'description'>): number {
  const said = readDescription(description)
  return said?.kind === 'key' ? said.generation : 0
}
