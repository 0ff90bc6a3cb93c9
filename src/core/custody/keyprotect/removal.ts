// Deletes superfluous and unwanted standard keys and those of destroyed objects, as far as rules.ts allows.

import { RootKeyError, type OpenRootKey, type RootKey } from '../../ports/root-key.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import type { Store } from '../../ports/store.ts'
import type { CustodyInstance } from '../custody.ts'
import { readIfThere, requireStandardKeys, type Copies } from './copies.ts'
import { standardKeyName } from './description.ts'
import { generationOf, type Lookup } from './lookup.ts'
import type { Markers } from './markers.ts'
import { refOf, type ObjectId } from './records.ts'
import type { StandardKeyRef } from './reference.ts'
import { isOtherKey, type Copy, type Grounds } from './rules.ts'
import type { StandardKeyTroubles } from '../../sealing/standard-key-troubles.ts'

export interface RemovalOptions {
  readonly store: Store
  readonly openRootKey: OpenRootKey
  readonly copies: Copies
  readonly lookup: Lookup
  readonly markers: Markers
  readonly troubles: StandardKeyTroubles
}

/**
 * 'unclear': the copy may count after all, so the caller must check all copies of the object at the service. 'above': the copy is
 * above the one that counts, so the caller must first store the key above it.
 */
export type Removed = 'removed' | 'kept' | 'unclear' | 'above'

export class Removal {
  readonly #options: RemovalOptions

  constructor(options: RemovalOptions) {
    this.#options = options
  }

  /** Deletes all copies of a destroyed object: the known ones, and those of calls without an answer. Throws RootKeyError. */
  async destroyed({
    instanceId,
    identifier,
    sealed,
  }: ObjectId & { readonly sealed: Uint8Array | null }): Promise<void> {
    const { openRootKey, copies, lookup, troubles } = this.#options
    const all = new Map<string, { readonly generation: number; readonly rootKey: RootKey }>()
    const ref = refOf({ sealed })
    if (ref)
      for (const listed of await lookup.find({ id: instanceId }, identifier, ref))
        all.set(listed.id, { generation: generationOf(listed), rootKey: listed.rootKey })
    for (const { id, generation, rootKeyUri } of await lookup.rows(instanceId, identifier))
      all.set(id, { generation, rootKey: await openRootKey(rootKeyUri, instanceId) })
    // Deletes the lowest first: while a higher one exists, no lower one counts.
    for (const [id, { generation, rootKey }] of [...all].toSorted(
      ([, a], [, b]) => a.generation - b.generation,
    )) {
      const copy = unreadCopy({ id, generation })
      await copies.remove(rootKey, { instanceId, identifier }, copy, { because: 'destroyed' })
      troubles.gone({ id, instanceId })
    }
  }

  /** Deletes a superfluous copy. A refusal of the service becomes a trouble. Throws every error of a commit. */
  async superfluous(rootKey: RootKey, object: ObjectId, copy: Copy, grounds: Grounds): Promise<void> {
    const { copies, troubles } = this.#options
    const row = { id: copy.id, instanceId: object.instanceId, rootKeyUri: rootKey.uri }
    try {
      if (await copies.remove(rootKey, object, copy, grounds)) troubles.gone(row)
    } catch (error) {
      if (!(error instanceof RootKeyError)) throw error
      troubles.left(row, error)
    }
  }

  /**
   * Deletes one unwanted standard key. `instance` is undefined once the instance is deleted. `hasMoved`: all keys of the instance
   * have left the root key of this one. Throws RootKeyError.
   */
  async unwanted(
    instance: CustodyInstance | undefined,
    row: StandardKeyRecord,
    hasMoved: boolean,
  ): Promise<Removed> {
    const { copies, lookup, markers, openRootKey, store } = this.#options
    const { instanceId, identifier, generation, id, rootKeyUri } = row
    const rootKey = await openRootKey(rootKeyUri, instanceId)
    // A restore may have made it current since the row was read.
    const isUnwanted = async () =>
      (await lookup.rows(instanceId, identifier)).some((now) => now.id === id && now.state === 'unwanted')
    const remove = async (grounds: Grounds, copy: Copy = unreadCopy({ id, generation })) =>
      (await copies.remove(rootKey, row, copy, grounds, isUnwanted)) ? 'removed' : 'kept'
    const left = async (isOver: boolean, ref?: StandardKeyRef) => {
      const isMarked = isOver && (await markers.saysLeft(instanceId, rootKeyUri))
      const isAbove =
        isMarked && (ref?.generation ?? Infinity) < generation && (await this.#isThere(ref, instanceId))
      const removed = await remove({ because: 'left', isMarked, isAbove })
      return isAbove ? 'above' : removed
    }
    if (!instance) return left(true)
    const stored = await store.object(instanceId, identifier)
    if (!stored || stored.sealed === null) return remove({ because: 'destroyed' })
    const ref = refOf(stored)
    if (ref?.standardKeyId === id) {
      // This copy counts, whatever its row says.
      const write = { type: 'standard-key-state', id, state: 'due' } as const
      await store.commit({ writes: [write], entries: [], durability: 'disk' })
      return 'kept'
    }
    if (ref?.rootKeyUri !== rootKeyUri) return left(hasMoved || instance.work?.kind !== 'move', ref)
    return this.#replaced(rootKey, row, ref, remove)
  }

  /**
   * Deletes a copy that nothing points to yet, if the owner deleted the generation that counts during the store: the key must not
   * come back. It checks that no other server or node deleted that generation: a node does so only after the object points to the
   * replacement, and a server only after it has stored a higher generation. Throws RootKeyError, and every error of a commit.
   */
  async deletedBelow(
    rootKey: RootKey,
    object: ObjectId,
    next: Copy,
    { generation, ...ref }: StandardKeyRef,
  ): Promise<boolean> {
    const { store, copies, lookup } = this.#options
    const { instanceId, identifier } = object
    const counted = await lookup.rootKeyOf({ generation, ...ref }, instanceId)
    if (await readIfThere(counted, ref.standardKeyId)) return false
    for (const one of new Set([counted, rootKey])) {
      const listed = await requireStandardKeys(one).find(standardKeyName(identifier), { deleted: true })
      if (listed.some((other) => other.id !== next.id && generationOf(other) > generation)) return false
    }
    const stillCounts = async () =>
      refOf(await store.object(instanceId, identifier))?.standardKeyId === ref.standardKeyId
    return copies.remove(rootKey, object, next, { because: 'deleted-below', generation }, stillCounts)
  }

  async #isThere(ref: StandardKeyRef | undefined, instanceId: string): Promise<boolean> {
    if (!ref) return false
    const rootKey = await this.#options.lookup.rootKeyOf(ref, instanceId)
    return (await readIfThere(rootKey, ref.standardKeyId)) !== undefined
  }

  async #replaced(
    rootKey: RootKey,
    { instanceId, identifier, id }: StandardKeyRecord,
    { standardKeyId, generation }: StandardKeyRef,
    remove: (grounds: Grounds, copy?: Copy) => Promise<Removed>,
  ): Promise<Removed> {
    const { lookup, store } = this.#options
    const counts = await lookup.read(rootKey, standardKeyId, { instanceId, identifier })
    if (counts === 'deleted') return remove({ because: 'deleted-above', generation })
    const own = await lookup.read(rootKey, id, { instanceId, identifier })
    if (own === 'deleted') {
      const write = { type: 'standard-key-removed', id } as const
      await store.commit({ writes: [write], entries: [], durability: 'disk' })
      return 'removed'
    }
    for (const read of [counts, own]) if (typeof read !== 'string') read.bytes.fill(0)
    if (counts === 'closed' || own === 'closed') return 'kept'
    if (isOtherKey(own.copy, counts.copy)) {
      const removed = await remove({ because: 'given-up', by: counts.copy }, own.copy)
      return removed === 'kept' ? 'above' : removed
    }
    // Otherwise another node, or an interrupted attempt, stored a copy like it or above it.
    if (own.copy.generation >= counts.copy.generation) return 'unclear'
    return remove({ because: 'replaced', by: counts.copy }, own.copy)
  }
}

/** A copy that can be deleted without being opened. */
export function unreadCopy({ id, generation }: Pick<Copy, 'id' | 'generation'>): Copy {
  return { id, generation, closing: null, isLive: true, opened: null }
}
