// Reads the standard keys beside root keys: which instances have some, the markers of one, and its keys, and opens each of these, while
// it waits for a service that does not answer. It changes nothing. found-objects.ts decides what follows.

import { setTimeout as sleep } from 'node:timers/promises'
import { readIfThere, type Copies } from '../../../core/custody/keyprotect/copies.ts'
import {
  namePrefix,
  readDescription,
  standardKeyName,
  type KeyDescription,
} from '../../../core/custody/keyprotect/description.ts'
import { eachOf } from '../../../core/custody/keyprotect/each-of.ts'
import { markersIn } from '../../../core/custody/keyprotect/markers.ts'
import { PayloadError, unpackPayload, type Header } from '../../../core/custody/keyprotect/payload.ts'
import type { Copy } from '../../../core/custody/keyprotect/rules.ts'
import type { ListedMarker } from '../../../core/custody/keyprotect/restore-markers.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import { isObjectType } from '../../../core/keys/object/object-facts.ts'
import {
  RootKeyError,
  type RootKey,
  type StandardKeyEntry,
  type StandardKeys,
} from '../../../core/ports/root-key.ts'
import { rootKeyCallsMax } from '../../../base/bounds.ts'

/** A root key with standard keys beside it. */
export type WithStandardKeys = RootKey & { readonly standardKeys: StandardKeys }

/** A standard key of an object as it is listed. */
export type ListedObjectKey = StandardKeyEntry &
  KeyDescription & {
    /** A root key beside which it is seen; by preference the one that wrapped what is in it. */
    readonly beside: WithStandardKeys
  }

/** The listed keys and markers of one instance. */
export interface FoundInstance {
  readonly instanceId: string
  readonly keys: readonly ListedObjectKey[]
  readonly markers: readonly ListedMarker[]
}

/** A standard key that is not taken for one of Mortise, and stays where it is. */
export interface Ignored {
  readonly id: string
  readonly name: string
  readonly why: string
}

/** A standard key that was listed, and read where it is still there. */
export interface FoundKey {
  readonly listed: ListedObjectKey
  readonly copy: Copy
  /** null: it was deleted. If it did not open, nothing proves what the header says. */
  readonly header: Header | null
  readonly keyVersion: string
}

/** Called often, with how far the work is. */
export type OnProgress = (done: number, total: number) => void

/** The instances that have standard keys beside any of the root keys, deleted ones included. Throws RootKeyError. */
export async function listInstances(
  rootKeys: readonly WithStandardKeys[],
  onKeys: (count: number) => void,
): Promise<readonly FoundInstance[]> {
  const keys = new Map<string, ListedObjectKey>()
  const markers = new Map<string, ListedMarker & { readonly instanceId: string }>()
  for (const beside of rootKeys)
    for await (const page of beside.standardKeys.list(namePrefix, { deleted: true })) {
      for (const entry of page) {
        const said = readDescription(entry.description)
        if (!said) continue
        const known = said.kind === 'key' ? keys.has(entry.id) : markers.has(entry.id)
        if (known && said.rootKeyId !== beside.id) continue
        if (said.kind === 'key') keys.set(entry.id, { ...entry, ...said, beside })
        else
          for (const marker of markersIn(said.instanceId, [entry]))
            markers.set(entry.id, { ...marker, beside, instanceId: said.instanceId })
      }
      onKeys(keys.size)
    }
  const byInstance = Map.groupBy(keys.values(), ({ instanceId }) => instanceId)
  return [...byInstance].map(([instanceId, all]) => ({
    instanceId,
    keys: all,
    markers: [...markers.values()].filter((marker) => marker.instanceId === instanceId),
  }))
}

/**
 * Reads and opens all keys that are not deleted. Throws RootKeyError: 'wrapped-form' when a root key opens none of those
 * that it should have wrapped.
 */
export async function readKeys(
  rootKeys: readonly WithStandardKeys[],
  copies: Pick<Copies, 'read'>,
  { keys }: FoundInstance,
  onProgress: OnProgress,
): Promise<{ readonly keys: readonly FoundKey[]; readonly ignored: readonly Ignored[] }> {
  const foundKeys: FoundKey[] = []
  const ignored: Ignored[] = []
  /** By root key: how many opened, and why others did not. */
  const opened = new Map<string, number>()
  const refusals = new Map<string, unknown>()
  let done = 0
  await eachOf(keys, rootKeyCallsMax, async (listed) => {
    const { id, name, rootKeyId } = listed
    const rootKey = rootKeys.find((one) => one.id === rootKeyId)
    try {
      const read = await readOne(listed, rootKey, copies)
      if (typeof read === 'string') ignored.push({ id, name, why: read })
      else foundKeys.push(read)
      if (typeof read !== 'string' && read.copy.opened)
        opened.set(rootKeyId, (opened.get(rootKeyId) ?? 0) + 1)
    } catch (error) {
      if (!(error instanceof RootKeyError) || error.reach !== 'wrapped-form') throw error
      refusals.set(rootKeyId, error)
      ignored.push({ id, name, why: error.message })
    }
    onProgress(++done, keys.length)
  })
  for (const [rootKeyId, refusal] of refusals) if (!opened.has(rootKeyId)) throw refusal
  return { keys: foundKeys, ignored }
}

/** Returns the key, or why it is not the standard key that the list says. */
async function readOne(
  listed: ListedObjectKey,
  rootKey: WithStandardKeys | undefined,
  copies: Pick<Copies, 'read'>,
): Promise<FoundKey | string> {
  const { id, generation, closing, instanceId, beside } = listed
  const gone = {
    listed,
    header: null,
    keyVersion: '',
    copy: { id, generation, closing, isLive: false, opened: null },
  }
  if (listed.deleted) return gone
  const payload = await readIfThere(beside, id)
  // The owner may have deleted the standard key since the service listed it.
  if (payload === undefined) return gone
  try {
    const { header } = unpackPayload(payload)
    if (header.instance !== instanceId) return 'it holds a key of another instance'
    if (standardKeyName(header.identifier) !== listed.name) return 'its name is that of another key'
    if (header.generation !== generation) return 'it holds another generation than it says'
    if (!isObjectType(header.objectType)) return `it holds an object of the unknown type ${header.objectType}`
    if (!rootKey)
      return { listed, header, keyVersion: '', copy: { id, generation, closing, isLive: true, opened: null } }
    const read = await copies.read(rootKey, id, { instanceId, identifier: header.identifier })
    read.bytes.fill(0)
    return { listed, header: read.header, keyVersion: read.keyVersion, copy: read.copy }
  } catch (error) {
    if (error instanceof PayloadError) return error.message
    throw error
  }
}

/** How long a restore waits for a service that does not answer, and its pauses between attempts. */
export const restoreSilenceMsMax = 5 * 60_000
const restorePauseMs = 500
const restorePauseMsMax = 10_000

export interface RetryOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly signal: AbortSignal
  /** Why it waits, in words; null: it does not any more. */
  readonly onTrouble: (why: string | null) => void
}

/**
 * A root key that waits while its service does not answer or asks for fewer calls: what was read is not read again for that. A refusal is
 * reported at once. Its calls throw 'unreachable' only after `restoreSilenceMsMax` without any answer, since they were begun.
 */
export function retryingRootKey(
  rootKey: WithStandardKeys,
  { clock, signal, onTrouble }: RetryOptions,
): WithStandardKeys {
  const { standardKeys } = rootKey
  let answeredAt = -Infinity
  const answered = () => {
    answeredAt = clock.monotonic()
    onTrouble(null)
  }
  /** Throws errors that are no reason to wait. The last call may be long ago, since another root key was read meanwhile. */
  const wait = async (error: unknown, attempt: number, askedAt: number): Promise<void> => {
    const isAway = error instanceof RootKeyError && error.reach === 'unreachable'
    const silentMs = clock.monotonic() - Math.max(answeredAt, askedAt)
    if (!isAway || silentMs > restoreSilenceMsMax) throw error
    onTrouble(error.message)
    const pauseMs = Math.min(restorePauseMs * 2 ** attempt, restorePauseMsMax)
    await sleep(pauseMs, undefined, { signal })
  }
  const retry = async <T>(call: () => Promise<T>): Promise<T> => {
    const askedAt = clock.monotonic()
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await call()
        answered()
        return answer
      } catch (error) {
        await wait(error, attempt, askedAt)
      }
    }
  }
  return {
    ...rootKey,
    unwrap: (...args) => retry(() => rootKey.unwrap(...args)),
    standardKeys: {
      payloadBytesMax: standardKeys.payloadBytesMax,
      create: (...args) => standardKeys.create(...args),
      remove: (...args) => standardKeys.remove(...args),
      find: (...args) => standardKeys.find(...args),
      read: (...args) => retry(() => standardKeys.read(...args)),
      /** Begins again after each wait: some come twice. */
      async *list(...args) {
        const askedAt = clock.monotonic()
        for (let attempt = 0; ; attempt++) {
          try {
            for await (const page of standardKeys.list(...args)) {
              answered()
              yield page
            }
            return
          } catch (error) {
            await wait(error, attempt, askedAt)
          }
        }
      },
    },
  }
}
