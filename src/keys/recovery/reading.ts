// What lies beside a root key, read: which instances have standard keys there, the journal of one and its keys. It
// changes nothing anywhere. What follows from it is decided in rules.ts.

import type { KeyObject } from 'node:crypto'
import { enums } from '../../kmip/enums.ts'
import { limits } from '../../limits.ts'
import {
  JournalDamaged,
  journalPartNumber,
  openPart,
  partHeader,
  unpackRun,
  type JournalHeader,
} from '../journal/format.ts'
import { openPartKey } from '../journal/part-key.ts'
import { RootKeyError, type RootKey, type StandardKeyFound, type StandardKeys } from '../../ports/root-key.ts'
import type { FoundRun } from './journaled.ts'
import type { FoundKey } from './rules.ts'
import {
  readDescription,
  standardKeyName,
  StandardKeyFormatError,
  unpackStandardKey,
  type StandardKeyDescription,
  type StandardKeyHeader,
} from '../standard-keys/place.ts'

/** A root key with room beside it. */
export type Shelved = RootKey & { readonly standardKeys: StandardKeys }

/** A standard key of ours as it is listed. */
export type Listed = StandardKeyFound &
  StandardKeyDescription & {
    /** URI of a root key beside which it is seen; by preference the one that wrapped what is in it. */
    readonly besideUri: string
  }

/** What there is of one instance. */
export interface FoundInstance {
  readonly instanceId: string
  readonly keys: readonly Listed[]
  readonly journal: readonly Listed[]
}

/** Was not read as one of ours, and is left where it is. */
export interface Ignored {
  readonly id: string
  readonly name: string
  readonly why: string
}

export interface FoundPart {
  readonly listed: Listed
  readonly number: number
}

export interface FoundJournal {
  readonly runs: readonly FoundRun[]
  /** Those that are not deleted. */
  readonly parts: readonly FoundPart[]
  readonly ignored: readonly Ignored[]
  /** Numbers of the deleted ones. */
  readonly deleted: readonly number[]
  /** Numbers of those that a root key sealed which was not named. */
  readonly unread: readonly number[]
}

/** How far it got; called often. */
export type Told = (done: number, total: number) => void

/** The instances that have standard keys beside any of the root keys, deleted ones included. Throws RootKeyError. */
export async function listInstances(
  rootKeys: readonly Shelved[],
  told: (found: number) => void,
): Promise<readonly FoundInstance[]> {
  const listed = new Map<string, Listed>()
  for (const { id: rootKeyId, uri, standardKeys } of rootKeys)
    for await (const page of standardKeys.list('mortise-', { deleted: true })) {
      for (const key of page) {
        const description = readDescription(key.description)
        if (description && (!listed.has(key.id) || description.rootKeyId === rootKeyId))
          listed.set(key.id, { ...key, ...description, besideUri: uri })
      }
      told(listed.size)
    }
  const byInstance = Map.groupBy(listed.values(), ({ instanceId }) => instanceId)
  return [...byInstance].map(([instanceId, all]) => ({
    instanceId,
    keys: all.filter(({ kind }) => kind === 'key'),
    journal: all.filter(({ kind }) => kind === 'journal'),
  }))
}

/** Headers of all keys that are not deleted. Throws RootKeyError. */
export async function readKeys(
  rootKeys: readonly Shelved[],
  { instanceId, keys }: FoundInstance,
  told: Told,
): Promise<{ readonly keys: readonly FoundKey[]; readonly ignored: readonly Ignored[] }> {
  const found: FoundKey[] = []
  const ignored: Ignored[] = []
  await eachOf(keys, told, async (listed) => {
    const { id, name, rootKeyId, besideUri, generation, attempt, createdMs } = listed
    const key = { id, name, rootKeyId, besideUri, generation, attempt, createdMs }
    const payload = await readIfThere(rootKeys, listed)
    if (payload === undefined) found.push({ ...key, header: null })
    else {
      const header = headerOf(payload, { instanceId, listed })
      if (typeof header === 'string') ignored.push({ id, name, why: header })
      else found.push({ ...key, header })
    }
  })
  return { keys: found, ignored }
}

/** The journal, as far as it opens. Throws RootKeyError, and JournalDamaged when no part of it opens. */
export async function readJournal(
  rootKeys: readonly Shelved[],
  { instanceId, journal }: FoundInstance,
  told: Told,
): Promise<FoundJournal> {
  const pieces: { readonly header: JournalHeader; readonly piece: Buffer }[] = []
  const parts: FoundPart[] = []
  const ignored: Ignored[] = []
  const deleted: number[] = []
  const unread: number[] = []
  const refusals: unknown[] = []
  const dataKeys = new Map<string, Promise<KeyObject>>()
  await eachOf(journal, told, async (listed) => {
    const number = journalPartNumber(instanceId, listed.name)
    if (number === undefined) return
    const payload = await readIfThere(rootKeys, listed)
    if (payload === undefined) {
      deleted.push(number)
      return
    }
    try {
      const rootKey = rootKeys.find(({ id }) => id === listed.rootKeyId)
      if (!rootKey) {
        unread.push(number)
        throw new JournalDamaged(`the root key ${listed.rootKeyId} sealed it, which was not named`)
      }
      const header = partHeader(payload)
      if (
        header.instance !== instanceId ||
        header.number !== number ||
        header.generation !== listed.generation
      )
        throw new JournalDamaged('it is the part of another journal')
      const dataKey = await unwrapped(rootKey, header, dataKeys)
      pieces.push({ header, piece: openPart(dataKey, payload) })
      parts.push({ listed, number })
    } catch (error) {
      const refused = error instanceof RootKeyError && error.reach === 'wrapped-form'
      if (!refused && !(error instanceof JournalDamaged)) throw error
      refusals.push(error)
      ignored.push({ id: listed.id, name: listed.name, why: error.message })
    }
  })
  // Another root key wrapped it, or a newer Mortise wrote it: states must not be guessed.
  if (pieces.length === 0 && refusals.length > 0) throw refusals[0]
  const { runs, broken } = await runsOf(pieces)
  for (const number of broken) {
    const part = parts.find((candidate) => candidate.number === number)
    if (part)
      ignored.push({
        id: part.listed.id,
        name: part.listed.name,
        why: 'other parts that belong to it are missing',
      })
  }
  return { runs, parts, ignored, deleted, unread }
}

/** Pieces of a run are complete, or the run says nothing. */
async function runsOf(
  pieces: readonly { readonly header: JournalHeader; readonly piece: Buffer }[],
): Promise<{ readonly runs: readonly FoundRun[]; readonly broken: readonly number[] }> {
  const runs: FoundRun[] = []
  const broken: number[] = []
  for (const some of Map.groupBy(pieces, ({ header }) => header.run).values()) {
    const byPiece = new Map(some.map((one) => [one.header.piece, one]))
    const inOrder = [...byPiece.values()].toSorted((a, b) => a.header.piece - b.header.piece)
    const numbers = some.map(({ header }) => header.number)
    try {
      if (byPiece.size !== inOrder[0]?.header.pieces) throw new JournalDamaged('a piece is missing')
      const items = await unpackRun(inOrder.map(({ piece }) => piece))
      runs.push({ first: Math.min(...numbers), last: Math.max(...numbers), items })
    } catch (error) {
      if (!(error instanceof JournalDamaged)) throw error
      broken.push(...numbers)
    }
  }
  return { runs, broken }
}

/** Parts that were written together share a data key: it is opened once. */
function unwrapped(
  rootKey: RootKey,
  header: JournalHeader,
  known: Map<string, Promise<KeyObject>>,
): Promise<KeyObject> {
  const name = `${header.dataKeyId} ${header.wrapped}`
  const opening = known.get(name) ?? openPartKey(rootKey, header)
  known.set(name, opening)
  return opening
}

/** Or why it is not the standard key that it is listed as. */
function headerOf(
  payload: Uint8Array,
  { instanceId, listed }: { readonly instanceId: string; readonly listed: Listed },
): StandardKeyHeader | string {
  try {
    const { header } = unpackStandardKey(payload)
    const { instance, identifier, generation, objectType } = header
    if (instance !== instanceId) return 'it holds a key of another instance'
    if (standardKeyName(identifier) !== listed.name) return 'its name is that of another key'
    if (generation !== listed.generation) return 'it holds another generation than it says'
    if (!Object.hasOwn(enums.ObjectType, objectType))
      return `it holds an object of the unknown type ${objectType}`
    return header
  } catch (error) {
    if (error instanceof StandardKeyFormatError) return error.message
    throw error
  }
}

/** undefined: it is deleted, perhaps since it was listed. */
async function readIfThere(
  rootKeys: readonly Shelved[],
  { id, besideUri, deleted }: Listed,
): Promise<Uint8Array | undefined> {
  const beside = rootKeys.find(({ uri }) => uri === besideUri)
  if (deleted || !beside) return undefined
  try {
    return await beside.standardKeys.read(id)
  } catch (error) {
    if (error instanceof RootKeyError && error.reach === 'wrapped-form') return undefined
    throw error
  }
}

/** Each item, as many at once as the service may be asked. The first failure ends it. */
async function eachOf<T>(items: readonly T[], told: Told, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values()
  let done = 0
  const failures: unknown[] = []
  const lane = async (): Promise<void> => {
    for (const item of rest) {
      if (failures.length > 0) return
      await work(item).catch((error: unknown) => void failures.push(error))
      told(++done, items.length)
    }
  }
  await Promise.all(Array.from({ length: limits.keyProtectCallsMax }, lane))
  if (failures.length > 0) throw failures[0]
}
