// Standard keys in Key Protect or HPCS: made, read, deleted, found by name and listed, in the key ring that the root
// key's URI names. What their payloads mean is the caller's business. Several standard keys may have one name, and the service's
// search ignores case, so that `find` compares the names again.

import {
  RootKeyError,
  StandardKeyUncertain,
  type FindOptions,
  type NewStandardKey,
  type StandardKeyEntry,
  type StandardKeys,
  type CorrelationIds,
} from '../../../core/ports/root-key.ts'
import { resourceId, readKey, readOneKey, readResources } from './answers.ts'
import { KeyProtectError, notUnderstood } from './error.ts'
import { keyPages } from './pages.ts'
import { deletedStandardKey } from './refusal-messages.ts'
import type { KeyProtectSession } from './session.ts'
import { isGuid, type KeyProtectUri } from './uri.ts'

const keyType = 'application/vnd.ibm.kms.key+json'

export class KeyProtectStandardKeys implements StandardKeys {
  /** The limit that the service documents, in bytes before base64. */
  readonly payloadBytesMax = 7_500
  readonly #session: KeyProtectSession
  readonly #target: KeyProtectUri

  constructor(session: KeyProtectSession, target: KeyProtectUri) {
    this.#session = session
    this.#target = target
  }

  async create(
    { name, description, payload }: NewStandardKey,
    correlationIds?: CorrelationIds,
  ): Promise<string> {
    requireName(name)
    if (description.length < 2 || description.length > 240)
      throw new RootKeyError('wrapped-form', 'the description of a standard key has 2 to 240 characters')
    if (payload.length === 0 || payload.length > this.payloadBytesMax)
      throw new RootKeyError('wrapped-form', `a standard key holds 1 to ${this.payloadBytesMax} bytes`)
    const resource = { type: keyType, name, description, extractable: true, payload: base64(payload) }
    const metadata = { collectionType: keyType, collectionTotal: 1 }
    const body = Buffer.from(JSON.stringify({ metadata, resources: [resource] }))
    const { json } = await this.#session.call('create', {
      keyRing: this.#target.keyRing,
      body,
      correlationIds,
    })
    const id = resourceId(readResources(json)?.[0])?.toLowerCase()
    if (id !== undefined && isGuid(id)) {
      this.#session.justMade.add(id)
      return id
    }
    const cause = notUnderstood(this.#target, 'create')
    throw new StandardKeyUncertain(`${cause.message}. Whether the standard key was made is not known`, {
      cause,
    })
  }

  async read(id: string, correlationIds?: CorrelationIds): Promise<Uint8Array> {
    const key = requireId(id)
    const { keyRing } = this.#target
    const get = () => this.#session.call('get', { key, keyRing, correlationIds })
    const { json } = await this.#session.justMade.ask(key, get)
    const resource = readOneKey(json)
    if (resource?.id !== key) throw notUnderstood(this.#target, 'get')
    if (resource.isDestroyed) throw new RootKeyError('wrapped-form', deletedStandardKey(key, this.#target))
    const { payload } = resource
    if (payload === undefined)
      throw new RootKeyError(
        'wrapped-form',
        `the key ${key} is no standard key, or it holds nothing (any more)`,
      )
    const bytes = Buffer.from(payload, 'base64')
    if (base64(bytes) !== payload) throw notUnderstood(this.#target, 'get')
    return bytes
  }

  /** Names no key ring to the service: a standard key that was moved to another ring would otherwise seem to be gone. */
  async remove(id: string, correlationIds?: CorrelationIds): Promise<void> {
    const key = requireId(id)
    try {
      await this.#session.justMade.ask(key, () => this.#session.call('delete', { key, correlationIds }))
    } catch (error) {
      if (!saysThatItIsGone(error)) throw error
    }
  }

  async find(
    name: string,
    { sinceMs, deleted = false, correlationIds }: FindOptions = {},
  ): Promise<readonly StandardKeyEntry[]> {
    requireName(name)
    const isIt = (entry: StandardKeyEntry) => entry.name === name && (deleted || !entry.deleted)
    const state = deleted ? anyState : notDestroyed
    const entries: StandardKeyEntry[] = []
    try {
      for await (const page of this.#pages({ search: `exact:name:${name}`, state }, correlationIds))
        entries.push(...page.filter(isIt))
      return entries
    } catch (error) {
      if (!refusesToSearch(error)) throw error
    }
    // Without the search `find` reads all keys; with `sinceMs` the newest first, until a page ends with an older key.
    const newestFirst = sinceMs === undefined ? {} : { sort: '-creationDate,id' }
    for await (const page of this.#pages({ ...newestFirst, state }, correlationIds)) {
      entries.push(...page.filter(isIt))
      const oldestMs = page.at(-1)?.createdMs ?? Infinity
      if (sinceMs !== undefined && oldestMs < sinceMs) break
    }
    return entries
  }

  async *list(
    namePrefix: string,
    { deleted }: { readonly deleted: boolean },
  ): AsyncGenerator<readonly StandardKeyEntry[]> {
    for await (const page of this.#pages({ state: deleted ? anyState : notDestroyed }))
      yield page.filter((entry) => entry.name.startsWith(namePrefix) && (deleted || !entry.deleted))
  }

  async *#pages(
    query: Readonly<Record<string, string>>,
    correlationIds?: CorrelationIds,
  ): AsyncGenerator<readonly StandardKeyEntry[]> {
    const { keyRing } = this.#target
    const question = { keyRing, query: { ...query, extractable: 'true' }, correlationIds }
    for await (const page of keyPages(this.#session, 'search', question))
      yield page.flatMap((resource) => readEntry(resource, this.#session.serviceNowMs) ?? [])
  }
}

/** The service leaves destroyed keys (state 5) out unless the query names that state. It has no state 4. */
const anyState = '0,1,2,3,5'
const notDestroyed = '0,1,2,3'

function readEntry(resource: unknown, nowMs: number | null): StandardKeyEntry | undefined {
  const key = readKey(resource)
  // Older service instances do not know the query `extractable`, and list root keys too.
  if (!key?.extractable) return undefined
  const { id, name, description, isDestroyed, createdAt } = key
  const createdMs = Date.parse(createdAt ?? '')
  return {
    id,
    name,
    description,
    deleted: isDestroyed,
    createdMs: Number.isNaN(createdMs) ? null : createdMs,
    ageMs: Number.isNaN(createdMs) || nowMs === null ? null : nowMs - createdMs,
  }
}

/**
 * Whether the service says that the key is gone. If it says that the service instance is gone, this is false, since an instance may come
 * back, and Mortise forgets a key that is gone.
 */
function saysThatItIsGone(error: unknown): boolean {
  const { status, code } = (error instanceof KeyProtectError ? error.refusal : undefined) ?? {}
  return (status === 404 && code === 'KEY_NOT_FOUND_ERR') || (status === 410 && code === 'KEY_DELETED_ERR')
}

/** A service instance refuses the search if it has more than 5,000 keys, or does not know the search. */
function refusesToSearch(error: unknown): boolean {
  const code = error instanceof KeyProtectError ? error.refusal?.code : undefined
  return code === 'KEY_SEARCH_TOO_BROAD' || code === 'INVALID_QUERY_PARAM_ERR'
}

function requireName(name: string): void {
  if (!/^[A-Za-z0-9_.-]{2,90}$/.test(name))
    throw new RootKeyError('wrapped-form', 'the name of a standard key has 2 to 90 of A-Z a-z 0-9 _ . -')
}

/** Only a GUID passes, since the id becomes part of a URL's path. */
function requireId(id: string): string {
  if (isGuid(id)) return id.toLowerCase()
  throw new RootKeyError('wrapped-form', 'this is not the id of a standard key')
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}
