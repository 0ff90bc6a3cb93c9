// Standard keys in memory, beside the root key in memory (faulty-root-key.ts), that can be told to fail, and that the
// test can delete and bring back as their owner would. Held to the contract by test/outside/rootkey/keyprotect/standard-keys.test.ts.

import { randomUUID } from 'node:crypto'
import {
  RootKeyError,
  StandardKeyUncertain,
  type FindOptions,
  type NewStandardKey,
  type RootKeyReach,
  type StandardKeyEntry,
  type StandardKeys,
  type CorrelationIds,
} from '../../../src/core/ports/root-key.ts'

export interface KeptStandardKey {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly payload: Uint8Array
  readonly createdMs: number
  /** Set it to act as the owner does who deletes the key or restores it. Remove it from the map to purge it. */
  deleted: boolean
}

/** 'uncertain-before': no answer, and nothing was made. 'uncertain-after': no answer, but it was made. */
export type CreateFault = 'uncertain-before' | 'uncertain-after' | RootKeyReach

export class FaultyStandardKeys implements StandardKeys {
  readonly payloadBytesMax = 7_500
  /** By id, in the order in which they were made. */
  readonly kept = new Map<string, KeptStandardKey>()
  /** The answers to the next calls of create, one each; later calls are answered as they should be. */
  createFaults: CreateFault[] = []
  /** The answer to a read or a removal of one key, by id. */
  readonly faults = new Map<string, RootKeyReach>()
  /** Calls that arrived, answered or not. */
  readonly calls = { create: 0, read: 0, remove: 0, find: 0, list: 0 }
  /** How far the service's clock is ahead of this machine's, milliseconds. */
  aheadMs = 0
  /** Keys in a page of a list. */
  pageKeys = 100
  readonly #answer: (correlationIds?: CorrelationIds) => Promise<void>

  /** `answer` comes before each call: it notes it, waits and throws as the whole root key does. */
  constructor(answer: (correlationIds?: CorrelationIds) => Promise<void>) {
    this.#answer = answer
  }

  async create(key: NewStandardKey, correlationIds?: CorrelationIds): Promise<string> {
    this.calls.create++
    await this.#answer(correlationIds)
    const { name, description, payload } = key
    const fits =
      /^[A-Za-z0-9_.-]{2,90}$/.test(name) &&
      description.length >= 2 &&
      description.length <= 240 &&
      payload.length > 0 &&
      payload.length <= this.payloadBytesMax
    if (!fits) throw new RootKeyError('wrapped-form', `the standard key ${name} is not fit to be made`)
    const fault = this.createFaults.shift()
    if (fault === 'uncertain-before') throw new StandardKeyUncertain('told to make nothing and not to answer')
    if (fault !== undefined && fault !== 'uncertain-after')
      throw new RootKeyError(fault, `told to answer ${fault}`)
    const id = randomUUID()
    const kept = { id, name, description, payload: Uint8Array.from(payload), createdMs: this.#nowMs() }
    this.kept.set(id, { ...kept, deleted: false })
    if (fault) throw new StandardKeyUncertain('told to make it, but not to answer')
    return id
  }

  async read(id: string, correlationIds?: CorrelationIds): Promise<Uint8Array> {
    this.calls.read++
    await this.#answer(correlationIds)
    this.#fail(id)
    const found = this.kept.get(id)
    if (!found || found.deleted)
      throw new RootKeyError('wrapped-form', `the standard key ${id} was deleted, or never was`)
    return Uint8Array.from(found.payload)
  }

  async remove(id: string, correlationIds?: CorrelationIds): Promise<void> {
    this.calls.remove++
    await this.#answer(correlationIds)
    this.#fail(id)
    const found = this.kept.get(id)
    if (found) found.deleted = true
  }

  async find(
    name: string,
    { deleted = false, correlationIds }: FindOptions = {},
  ): Promise<readonly StandardKeyEntry[]> {
    this.calls.find++
    await this.#answer(correlationIds)
    const all = [...this.kept.values()].filter((kept) => kept.name === name && (deleted || !kept.deleted))
    return all.map((kept) => this.#shown(kept))
  }

  async *list(
    namePrefix: string,
    wanted: { readonly deleted: boolean },
  ): AsyncGenerator<readonly StandardKeyEntry[]> {
    const all = [...this.kept.values()].filter(
      ({ name, deleted }) => name.startsWith(namePrefix) && (wanted.deleted || !deleted),
    )
    for (let at = 0; at === 0 || at < all.length; at += this.pageKeys) {
      this.calls.list++
      await this.#answer()
      yield all.slice(at, at + this.pageKeys).map((kept) => this.#shown(kept))
    }
  }

  /** Those that are there and not deleted, for what a test wants to know. */
  live(name?: string): KeptStandardKey[] {
    return [...this.kept.values()].filter((kept) => !kept.deleted && kept.name === (name ?? kept.name))
  }

  #fail(id: string): void {
    const fault = this.faults.get(id)
    if (fault) throw new RootKeyError(fault, `told to answer ${fault} for ${id}`)
  }

  #nowMs(): number {
    return Date.now() + this.aheadMs
  }

  #shown({ id, name, description, deleted, createdMs }: KeptStandardKey): StandardKeyEntry {
    return { id, name, description, deleted, createdMs, ageMs: this.#nowMs() - createdMs }
  }
}
