// Reads, opens, creates and deletes one standard key of an object at the service. rules.ts decides which copy counts and
// which may be deleted; generations.ts calls this file.

import { createHash, createHmac, randomBytes } from 'node:crypto'
import { standardKeyLookAfterMs, standardKeyTriesMax } from '../../../base/bounds.ts'
import { serverActor } from '../../audit/actor.ts'
import type { Material, Place } from '../../sealing/envelope.ts'
import type { AuditEntry } from '../../ports/audit.ts'
import type { Clock } from '../../ports/clock.ts'
import { apartFromLease } from '../../ports/leases.ts'
import type { Store } from '../../ports/store.ts'
import {
  RootKeyError,
  StandardKeyUncertain,
  type OpenRootKey,
  type RootKey,
  type StandardKeys,
  type CorrelationIds,
} from '../../ports/root-key.ts'
import type { CustodyInstance, ObjectFacts } from '../custody.ts'
import { describeKey, markerName, standardKeyName } from './description.ts'
import { bindHeader, comparable, packPayload, PayloadError, unpackPayload, type Header } from './payload.ts'
import { serverEntry, type MadeCopy, type ObjectId } from './records.ts'
import { mayDelete, type Copy, type Grounds } from './rules.ts'

/** A copy that was read and opened. */
export interface ReadCopy {
  readonly id: string
  readonly header: Header
  /** The caller wipes them. */
  readonly bytes: Buffer
  readonly keyVersion: string
  readonly copy: Copy & { readonly opened: NonNullable<Copy['opened']> }
}

export function materialOf({ bytes, header }: ReadCopy): Material {
  return { bytes, head: header.head }
}

/** A copy must belong to this object. */
export type CopyOf = Pick<Place, 'instanceId' | 'identifier'> & { readonly objectType?: string }

export interface NewCopy {
  readonly instance: Pick<CustodyInstance, 'id' | 'name' | 'names'>
  readonly rootKey: RootKey
  readonly identifier: string
  readonly objectType: string
  readonly material: Material
  readonly facts: ObjectFacts
  /** The first generation to try. */
  readonly generation: number
  /** Monotonic milliseconds at which the caller stops waiting. Left out: the caller waits to the end. */
  readonly untilMs?: number
  readonly correlationIds?: CorrelationIds
}

/** Keeps this server from writing after another one has taken over the instance (markers.ts). */
interface EpochCheck {
  /** Asks the service. Throws RootKeyError if another server has a higher epoch. */
  requireHighest(instanceId: string, rootKey: RootKey): Promise<void>
  /** Throws RootKeyError if this node knows that another server has a higher epoch. Makes no call. */
  refuseIfFenced(instanceId: string): void
}

export interface CopiesOptions {
  readonly store: Store
  readonly clock: Clock
  readonly markers: EpochCheck
  /** Called when a create got no answer: the standard key may exist. */
  readonly onUnanswered: (instanceId: string) => void
}

/** Keys the fingerprints that compare key bytes without keeping them. */
const fingerprintKey = randomBytes(32)

export class Copies {
  readonly #options: CopiesOptions
  /** Resolves once the audit log names this run of the server. */
  #introduced: Promise<void> | undefined
  /** The object whose wrapped form is being opened for a client, by the digest of that form. */
  readonly #opening = new Map<string, CopyOf>()

  constructor(options: CopiesOptions) {
    this.#options = options
  }

  /**
   * Reads a copy by its id and opens it. Throws RootKeyError ('wrapped-form': the copy was deleted, or does not open) and
   * PayloadError (it holds something else). `isNoted`: `opening` returns the object in the meantime.
   */
  async read(
    rootKey: RootKey,
    id: string,
    of: CopyOf,
    correlationIds?: CorrelationIds,
    isNoted = false,
  ): Promise<ReadCopy> {
    const payload = await requireStandardKeys(rootKey).read(id, correlationIds)
    const { header, wrapped, associatedData } = unpackPayload(payload)
    if (header.instance !== of.instanceId || header.identifier !== of.identifier)
      throw new PayloadError(`the standard key ${id} holds another object`)
    if (of.objectType !== undefined && header.objectType !== of.objectType)
      throw new PayloadError(`the standard key ${id} holds an object of another type`)
    const name = digest(wrapped)
    if (isNoted) this.#opening.set(name, of)
    const opened = await rootKey
      .unwrap(wrapped, associatedData, correlationIds)
      .finally(() => isNoted && this.#opening.delete(name))
    const bytes = Buffer.from(opened.buffer, opened.byteOffset, opened.length)
    const keyVersion = rootKey.versions?.of(wrapped) ?? ''
    return { id, header, bytes, keyVersion, copy: copyOf(id, header, bytes) }
  }

  /** Returns the object whose wrapped form is being opened. A service that hands back a newer form names the object by the old one. */
  opening(wrapped: Uint8Array): CopyOf | undefined {
    return this.#opening.get(digest(wrapped))
  }

  /**
   * Creates a copy. If no answer comes, it looks for the copy, and if there is none it tries the next generation: a copy that
   * arrives late is then below the one that counts. When the caller stops waiting, the sweep does both. Throws RootKeyError and
   * PayloadError.
   */
  async create(copy: NewCopy): Promise<MadeCopy> {
    const { instance, rootKey, identifier, objectType, material, facts, correlationIds } = copy
    const standardKeys = requireStandardKeys(rootKey)
    this.#options.markers.refuseIfFenced(instance.id)
    await this.#introduce()
    for (let attempt = 0; ; attempt++) {
      const generation = copy.generation + attempt
      const about = { ...aboutInstance(instance), identifier, objectType, generation }
      const { writer } = this.#options.store
      const bound = bindHeader({ ...facts, ...about, writer, head: material.head })
      const wrapping = rootKey.wrap(material.bytes, bound.associatedData, correlationIds)
      const wrapped = await this.#inTime(wrapping, copy, (why) => new RootKeyError('unreachable', why))
      const payload = packPayload(bound, wrapped, standardKeys.payloadBytesMax)
      const name = standardKeyName(identifier)
      const closing = facts.closing?.state ?? null
      const description = describeKey({ instanceId: instance.id, rootKeyId: rootKey.id, generation, closing })
      const keyVersion = rootKey.versions?.of(wrapped) ?? ''
      try {
        const creating = standardKeys.create({ name, description, payload }, correlationIds)
        const id = await this.#inTime(creating, copy, (why) => new StandardKeyUncertain(why))
        return { id, generation, keyVersion }
      } catch (error) {
        if (!(error instanceof StandardKeyUncertain)) throw error
        this.#options.onUnanswered(instance.id)
        if (this.#options.clock.monotonic() >= (copy.untilMs ?? Infinity)) throw error
        await this.#options.clock.sleep(standardKeyLookAfterMs)
        const looking = findMade(standardKeys, { name, description, payload }, correlationIds)
        const id = await this.#inTime(looking, copy, () => error)
        if (id !== undefined) return { id, generation, keyVersion }
        if (attempt + 1 >= standardKeyTriesMax) throw error
      }
    }
  }

  /** Resolves as the call does, or rejects with the error at the end of the caller's wait. The call goes on. */
  async #inTime<T>(
    call: Promise<T>,
    { untilMs }: Pick<NewCopy, 'untilMs'>,
    error: (message: string) => RootKeyError,
  ): Promise<T> {
    const { clock } = this.#options
    if (untilMs === undefined) return call
    const over = Promise.withResolvers<never>()
    const why = "the root key's service answers too late for the caller that waits"
    const timer = clock.after(Math.max(0, untilMs - clock.monotonic()), () => over.reject(error(why)))
    try {
      return await Promise.race([call, over.promise])
    } finally {
      timer.cancel()
    }
  }

  /**
   * Deletes a copy and its record. Returns false if the rules do not allow it. Calls `isUnwanted` last, since the database may
   * change during the calls to the services. Throws RootKeyError, and every error of a commit.
   */
  async remove(
    rootKey: RootKey,
    object: ObjectId,
    copy: Copy,
    grounds: Grounds,
    isUnwanted?: () => Promise<boolean>,
  ): Promise<boolean> {
    const { store, clock, markers } = this.#options
    if (!mayDelete(copy, grounds)) return false
    await markers.requireHighest(object.instanceId, rootKey)
    if (isUnwanted && !(await isUnwanted())) return false
    const calls: CorrelationIds = new Set()
    await requireStandardKeys(rootKey).remove(copy.id, calls)
    const { id, generation } = copy
    const detail = { generation, because: grounds.because, standardKeyId: id }
    const entry = serverEntry('standard-key.delete', object, detail, {
      atMs: clock.now(),
      correlationIds: calls,
    })
    await store.commit({
      writes: [{ type: 'standard-key-removed', id }],
      entries: [entry],
      durability: 'disk',
    })
    return true
  }

  /** Enters this run in the audit log before its first copy, so that a copy by an unknown run is another server's. */
  #introduce(): Promise<void> {
    const { store, clock } = this.#options
    const entry: AuditEntry = {
      atMs: clock.now(),
      action: 'standard-key.begin',
      result: 'success',
      instanceId: null,
      object: null,
      actor: serverActor,
      reason: null,
      requestId: null,
      detail: { writer: store.writer },
    }
    const introduce = () => store.commit({ writes: [], entries: [entry], durability: 'disk' })
    // All clients wait for the entry, not only the first.
    this.#introduced ??= apartFromLease(introduce).catch((error: unknown) => {
      this.#introduced = undefined
      throw error
    })
    return this.#introduced
  }
}

/** Throws RootKeyError if the root key's service cannot keep standard keys. */
export function requireStandardKeys({ standardKeys, uri }: RootKey): StandardKeys {
  if (standardKeys) return standardKeys
  throw new RootKeyError(
    'root-key',
    `${uri} cannot keep keys beside it: the custody keyprotect needs a root key in Key Protect or HPCS`,
  )
}

/** The payload of a standard key; undefined: it was deleted. Asks by id, because a list may lag behind. Throws RootKeyError. */
export async function readIfThere(
  rootKey: RootKey,
  id: string,
  correlationIds?: CorrelationIds,
): Promise<Uint8Array | undefined> {
  try {
    return await requireStandardKeys(rootKey).read(id, correlationIds)
  } catch (error) {
    if (error instanceof RootKeyError && error.reach === 'wrapped-form') return undefined
    throw error
  }
}

/** Returns why the sweep cannot reach the service for this instance; undefined: the service answers. */
export async function whyNoAnswer(
  openRootKey: OpenRootKey,
  uri: string,
  instanceId: string,
): Promise<RootKeyError | undefined> {
  try {
    const rootKey = await openRootKey(uri, instanceId)
    await requireStandardKeys(rootKey).find(markerName(instanceId))
    return undefined
  } catch (error) {
    if (error instanceof RootKeyError) return error
    throw error
  }
}

function aboutInstance({
  id,
  name,
  names,
}: NewCopy['instance']): Pick<Header, 'instance' | 'instanceName' | 'sharesNames'> {
  return { instance: id, instanceName: name, ...(names === 'shared' && { sharesNames: true }) }
}

function digest(wrapped: Uint8Array): string {
  return createHash('sha256').update(wrapped).digest('base64')
}

function copyOf(id: string, header: Header, bytes: Buffer): ReadCopy['copy'] {
  const fingerprint = createHmac('sha256', fingerprintKey).update(bytes).digest('base64')
  const opened = { fingerprint, facts: comparable(header) }
  const closing = header.closing?.state ?? null
  return { id, generation: header.generation, closing, isLive: true, opened }
}

/** Looks for a copy whose create got no answer. */
async function findMade(
  standardKeys: StandardKeys,
  {
    name,
    description,
    payload,
  }: { readonly name: string; readonly description: string; readonly payload: Uint8Array },
  correlationIds?: CorrelationIds,
): Promise<string | undefined> {
  try {
    for (const entry of await standardKeys.find(name, { correlationIds }))
      if (
        entry.description === description &&
        Buffer.compare(await standardKeys.read(entry.id, correlationIds), payload) === 0
      )
        return entry.id
  } catch (error) {
    if (!(error instanceof RootKeyError)) throw error
  }
  return undefined
}
