// The generations of one object at the service: stores the next one, takes over higher ones (take-over.ts), and deletes
// superfluous ones (removal.ts). Takes one step at a time for each object.

import { KeyedMutex } from '../../../base/keyed-mutex.ts'
import { StoreConflict, type Change } from '../../ports/store.ts'
import { RootKeyError, type RootKey, type CorrelationIds } from '../../ports/root-key.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import type { StoredObject } from '../../ports/objects.ts'
import type { CustodyInstance, ObjectFacts } from '../custody.ts'
import { materialOf, readIfThere, type ReadCopy } from './copies.ts'
import { generationOf, Lookup, type ListedStandardKey } from './lookup.ts'
import { saysTheSame } from './payload.ts'
import { refOf, rowOf, serverEntry, type MadeCopy, type ObjectId } from './records.ts'
import { encodeStandardKeyRef, type StandardKeyRef } from './reference.ts'
import { Removal, unreadCopy, type RemovalOptions } from './removal.ts'
import { TakeOver, type TakeOverOptions } from './take-over.ts'

type GenerationsOptions = Omit<TakeOverOptions & RemovalOptions, 'lookup' | 'removal'>

type Commit = (change: Pick<Change, 'expect' | 'writes' | 'entries'>) => Promise<void>

export interface RenewOptions {
  /** Also renews a copy that another version of the root key wrapped. Left out: renews only a copy whose header is out of date. */
  readonly keyVersion?: string
  /** Renews even a copy that is up to date. */
  readonly force?: boolean
  /** Also stores the new generation above this one. */
  readonly above?: number
  /** Looks at the service first, because an earlier attempt may have stored a copy. */
  readonly lookFirst?: boolean
  /** Commits with further expectations, besides the object's version. */
  readonly commit?: Commit
  /** For the audit entry. */
  readonly detail?: Readonly<Record<string, string | number>>
}

/** 'gone': the owner deleted the copy at the service, and there is no higher one. */
export type Renewed = 'done' | 'nothing' | 'gone'

/** A generation that is stored, and that the object does not point to yet. */
interface NewGeneration {
  /** The generation that it replaces. */
  readonly before: StandardKeyRef
  readonly rootKey: RootKey
  readonly made: MadeCopy
  readonly facts: ObjectFacts
  readonly correlationIds: CorrelationIds
}

export class Generations {
  readonly lookup: Lookup
  readonly #options: GenerationsOptions
  readonly #takeOver: TakeOver
  readonly #removal: Removal
  /** By object. */
  readonly #turns = new KeyedMutex()

  constructor(options: GenerationsOptions) {
    this.#options = options
    this.lookup = new Lookup(options)
    const parts = { ...options, lookup: this.lookup }
    this.#removal = new Removal(parts)
    this.#takeOver = new TakeOver({ ...parts, removal: this.#removal })
  }

  /**
   * Stores the next generation of an object if the header of the one that counts is out of date, and deletes the one before.
   * Throws RootKeyError, PayloadError, and every error of `commit` except a StoreConflict about the object.
   */
  async renew(instance: CustodyInstance, identifier: string, options: RenewOptions = {}): Promise<Renewed> {
    let hasLooked = options.lookFirst ?? false
    if (hasLooked) await this.look(instance, identifier)
    for (;;) {
      const renewed = await this.#inTurn(instance, identifier, () =>
        this.#renew(instance, identifier, options),
      )
      if (renewed === 'again') continue
      if (renewed !== 'gone' || hasLooked) return renewed
      hasLooked = true
      if (!(await this.look(instance, identifier))) return 'gone'
    }
  }

  /** Looks for other copies of one object and settles them. Returns whether the object points to another copy now. */
  async look(instance: CustodyInstance, identifier: string): Promise<boolean> {
    const { store } = this.#options
    const before = refOf(await store.object(instance.id, identifier))
    if (!before) return false
    await this.settle(instance, identifier, await this.lookup.find(instance, identifier, before))
    const now = refOf(await store.object(instance.id, identifier))
    return now?.standardKeyId !== before.standardKeyId
  }

  /** The highest copy above the known one that opens as the object; undefined: there is none. Throws RootKeyError. */
  async higher(
    instance: CustodyInstance,
    identifier: string,
    ref: StandardKeyRef,
  ): Promise<ReadCopy | undefined> {
    const { store, objects } = this.#options
    const stored = await store.object(instance.id, identifier)
    const isOther = (read: ReadCopy) => stored !== undefined && objects.isOther(stored, materialOf(read))
    return this.lookup.higher(instance, identifier, ref, isOther)
  }

  /** Takes over the listed copies of one object, and deletes the superfluous ones. Throws RootKeyError. */
  async settle(
    instance: CustodyInstance,
    identifier: string,
    listed: readonly ListedStandardKey[],
  ): Promise<void> {
    const settle = () =>
      this.#inTurn(instance, identifier, () => this.#takeOver.settle(instance, identifier, listed))
    if (!(await settle())) return
    const above = Math.max(0, ...listed.map(generationOf))
    await this.renew(instance, identifier, { force: true, above })
    await settle()
  }

  /** Deletes all copies of a destroyed object. Throws RootKeyError, and every error of a commit. */
  giveUp(object: ObjectId & { readonly sealed: Uint8Array | null }): Promise<void> {
    const { instanceId, identifier } = object
    return this.#inTurn({ id: instanceId }, identifier, () => this.#removal.destroyed(object))
  }

  /**
   * Deletes the unwanted standard keys of one object. `instance` is undefined once the instance is deleted. Returns false if some
   * may not be deleted yet. Throws RootKeyError, and every error of a commit.
   */
  async removeUnwanted(
    instance: CustodyInstance | undefined,
    rows: readonly StandardKeyRecord[],
    { hasMoved = false } = {},
  ): Promise<boolean> {
    let all = true
    for (const row of rows.toSorted((a, b) => a.generation - b.generation)) {
      const unwanted = () => this.#removal.unwanted(instance, row, hasMoved)
      let removed = await unwanted()
      if (removed === 'above' && instance) {
        await this.renew(instance, row.identifier, { force: true, above: row.generation })
        removed = await unwanted()
      }
      if (removed === 'unclear' && instance) await this.settle(instance, row.identifier, [])
      const isGone = async () =>
        (await this.lookup.rows(row.instanceId, row.identifier)).every(({ id }) => id !== row.id)
      all &&= removed === 'removed' || (removed === 'unclear' && (await isGone()))
    }
    return all
  }

  /**
   * Deletes the copy that was to replace this generation and was given up, if the owner deleted this generation in the meantime.
   * Throws RootKeyError.
   */
  async removeAbove(ref: StandardKeyRef, { rootKeyUri, ...row }: StandardKeyRecord): Promise<boolean> {
    const rootKey = await this.#options.openRootKey(rootKeyUri, row.instanceId)
    return this.#removal.deletedBelow(rootKey, row, unreadCopy(row), ref)
  }

  /** Returns a generation above all that the object ever had at the service: its version is never below one of them. */
  async nextGeneration({
    instanceId,
    uniqueIdentifier,
    version,
  }: Pick<StoredObject, 'instanceId' | 'uniqueIdentifier' | 'version'>): Promise<number> {
    const rows = await this.lookup.rows(instanceId, uniqueIdentifier)
    return Math.max(version, ...rows.map(({ generation }) => generation)) + 1
  }

  async #renew(
    instance: CustodyInstance,
    identifier: string,
    options: RenewOptions,
  ): Promise<Renewed | 'again'> {
    const { store, copies, objects, troubles } = this.#options
    const stored = await store.object(instance.id, identifier)
    const ref = refOf(stored)
    if (!stored || !ref || stored.isPutBack) return 'nothing'
    const rootKey = await this.lookup.rootKeyOf(ref, instance.id)
    const correlationIds: CorrelationIds = new Set()
    const { objectType } = stored
    const of = { instanceId: instance.id, identifier, objectType }
    const before = await this.lookup.read(rootKey, ref.standardKeyId, of, correlationIds)
    if (before === 'deleted') return 'gone'
    if (before === 'closed')
      throw new RootKeyError('wrapped-form', `the standard key ${ref.standardKeyId} does not open`)
    const { header, bytes } = before
    try {
      const facts = { ...objects.facts(stored), names: header.names }
      const isNewest = options.keyVersion === undefined || before.keyVersion === options.keyVersion
      if (options.force !== true && isNewest && saysTheSame(header, facts))
        return await this.#noteRecorded(stored, ref)
      // Nothing may be stored above a copy that the owner deleted.
      if (!(await readIfThere(rootKey, ref.standardKeyId, correlationIds))) return 'gone'
      const material = materialOf(before)
      const generation = Math.max(await this.nextGeneration(stored), (options.above ?? 0) + 1)
      const made = await copies.create({
        instance,
        rootKey,
        identifier,
        objectType,
        material,
        facts,
        generation,
        correlationIds,
      })
      troubles.made(instance.id)
      const after = await copies.read(rootKey, made.id, of, correlationIds)
      after.bytes.fill(0)
      if (await this.#removal.deletedBelow(rootKey, of, after.copy, ref)) return 'gone'
      if (!(await this.#point(stored, { before: ref, rootKey, made, facts, correlationIds }, options)))
        return 'again'
      await this.#removal.superfluous(rootKey, of, before.copy, { because: 'replaced', by: after.copy })
      return 'done'
    } finally {
      bytes.fill(0)
    }
  }

  /** The standard key records every fact of the object: its row is no longer due. */
  async #noteRecorded(stored: StoredObject, { standardKeyId: id }: StandardKeyRef): Promise<'nothing'> {
    const { instanceId, uniqueIdentifier, version } = stored
    await this.#commit({
      expect: { objects: [{ instanceId, uniqueIdentifier, version }] },
      writes: [{ type: 'standard-key-state', id, state: 'current' }],
      entries: [],
    })
    return 'nothing'
  }

  /** Points the object to a stored generation. Returns false if the object has changed since: this generation is unwanted. */
  async #point(
    stored: StoredObject,
    { before, rootKey, made, facts, correlationIds }: NewGeneration,
    { commit = (change) => this.#commit(change), detail = {} }: RenewOptions,
  ): Promise<boolean> {
    const { store, clock, objects, onRenamed } = this.#options
    const { instanceId, uniqueIdentifier } = stored
    const object = { instanceId, identifier: uniqueIdentifier }
    const { id, generation } = made
    const sealed = encodeStandardKeyRef({ ...before, standardKeyId: id, generation })
    const row = rowOf(object, made, rootKey.uri, clock.now())
    for (
      let now: StoredObject | undefined = stored;
      ;
      now = await store.object(instanceId, uniqueIdentifier)
    ) {
      const holds = refOf(now)?.standardKeyId
      if (holds === id) return true
      if (!now || holds !== before.standardKeyId || !saysTheSame(objects.facts(now), facts)) {
        const unwanted = { ...row, state: 'unwanted' } as const
        await this.#commit({ writes: [{ type: 'standard-key', record: unwanted }], entries: [] })
        return false
      }
      try {
        await commit({
          expect: { objects: [{ instanceId, uniqueIdentifier, version: now.version }] },
          writes: [
            objects.moved(now, { sealed, dataKeyId: null, generation }),
            { type: 'standard-key', record: row },
            { type: 'standard-key-state', id: before.standardKeyId, state: 'unwanted' },
          ],
          entries: [
            serverEntry(
              'key.reseal',
              object,
              { generation, ...detail },
              { atMs: clock.now(), correlationIds },
            ),
          ],
        })
        onRenamed(instanceId, before.standardKeyId, id)
        return true
      } catch (error) {
        // A client changed the object in the meantime.
        if (!(error instanceof StoreConflict) || error.what !== 'object') throw error
      }
    }
  }

  #commit(change: Pick<Change, 'expect' | 'writes' | 'entries'>): Promise<void> {
    return this.#options.store.commit({ ...change, durability: 'disk' })
  }

  #inTurn<T>({ id }: { readonly id: string }, identifier: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.run(JSON.stringify([id, identifier]), work)
  }
}
