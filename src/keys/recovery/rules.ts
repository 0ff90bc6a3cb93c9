// What an instance was, told from what lies beside its root key: journal and standard keys, without a database. Pure:
// what is read is handed in (reading.ts), what is decided is written by recovery.ts.
//
// The rule: of the standard keys of one object the one counts that the journal names, or a higher generation that came
// after it. Where any of these was deleted the object stays without its material, whatever else is there: its owner
// revoked it, since Mortise deletes one that counted only when the journal names what took its place. Higher generations
// that never came to count are told by the entry's version (standard-keys/deletable.ts). The journal says state
// and attributes; an object that is not in it comes back Active. A destroyed one stays destroyed, and an identifier is
// never given twice.

import { createHash } from 'node:crypto'
import { first, searchKey, unpackAttributes, type AttributeSet } from '../../kmip/attributes.ts'
import { enums } from '../../kmip/enums.ts'
import { initialAttributes } from '../initial-attributes.ts'
import type { JournalEntry } from '../journal/format.ts'
import { isDestroyed, isState } from '../lifecycle.ts'
import { hasState, single, withAttribute, type ManagedObject, type ObjectType } from '../managed-object.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import { packPlace, standardKeyName, type StandardKeyHeader } from '../standard-keys/place.ts'
import type { Journaled, JournaledEntry } from './journaled.ts'

/** A standard key of an object, as it was found. */
export interface FoundKey {
  /** The service's id. */
  readonly id: string
  readonly name: string
  /** Of the one that wrapped what is in it, as it says itself. */
  readonly rootKeyId: string
  /** URI of a root key beside which it is seen. */
  readonly besideUri: string
  readonly generation: number
  readonly attempt: string
  readonly createdMs: number | null
  /** Of one that was read; null: it was deleted. */
  readonly header: StandardKeyHeader | null
}

export interface RecoveredObject {
  readonly object: ManagedObject
  /**
   * 'deleted': its standard key was deleted, or is not there. 'elsewhere': a root key that was not named sealed it, and
   * opens it.
   */
  readonly outcome: 'opens' | 'deleted' | 'destroyed' | 'elsewhere'
  /** Id of the root key that sealed it; null: it is destroyed. */
  readonly sealedBy: string | null
  /** The journal knows it. */
  readonly journaled: boolean
  /** And says the same of it. */
  readonly isEntered: boolean
  readonly row: StandardKeyRecord | null
}

export interface Recovered {
  /** In the order in which they were made. */
  readonly objects: readonly RecoveredObject[]
  /** To be deleted at the service: they are in the way of nothing, and nothing needs them. */
  readonly unwanted: readonly StandardKeyRecord[]
  /** Only the database had them. */
  readonly lost: readonly { readonly identifier: string; readonly label: string | null }[]
  /** Names of deleted standard keys of which the journal does not know. */
  readonly unknown: readonly string[]
  /** Not used, and not deleted either. */
  readonly left: readonly FoundKey[]
}

export interface RecoveredPlace {
  readonly instanceId: string
  /** The one that the instance has, and those that it had: while it goes from one to another, both seal keys of it. */
  readonly rootKeys: readonly [NamedRootKey, ...NamedRootKey[]]
  readonly nowMs: number
}

export interface NamedRootKey {
  readonly uri: string
  readonly id: string
}

/** Stands for a standard key whose id nobody knows any more. */
const nobodysId = '00000000-0000-4000-8000-000000000000'

export function recoverObjects(
  place: RecoveredPlace,
  keys: readonly FoundKey[],
  { entries, isWhole, departures }: Pick<Journaled, 'entries' | 'isWhole' | 'departures'>,
): Recovered {
  const isAllSeen = unnamed(place, departures).length === 0
  const recovered = {
    objects: [] as RecoveredObject[],
    unwanted: [] as StandardKeyRecord[],
    lost: [] as { identifier: string; label: string | null }[],
    unknown: [] as string[],
    left: [] as FoundKey[],
  }
  const byName = Map.groupBy(keys, ({ name }) => name)
  const entryByName = new Map(
    [...entries.values()].map((entry) => [standardKeyName(entry.uniqueIdentifier), entry]),
  )
  for (const name of new Set([...byName.keys(), ...entryByName.keys()])) {
    const entry = entryByName.get(name)
    const found = newestFirst(byName.get(name) ?? [])
    const isSure = isAllSeen && (entry ? entry.isNewest : isWhole)
    const counts = counting(place, entry, { found, isSure })
    const live = found.filter((key) => key !== counts && key.header !== null)
    if (entry && isState(entry.state) && isDestroyed(entry.state)) {
      recovered.objects.push({
        object: ofEntry(place, entry, null),
        outcome: 'destroyed',
        sealedBy: null,
        journaled: true,
        isEntered: true,
        row: null,
      })
      for (const key of found)
        if (key.header) recovered.unwanted.push(rowOf(place, entry.uniqueIdentifier, key, 'unwanted'))
      continue
    }
    if (counts?.header) {
      recovered.objects.push(opening(place, counts, counts.header, { entry, found }))
      for (const key of live) {
        // One of the same generation is no rest of ours: deleted, it would be taken for a revocation.
        if (key.generation === counts.generation) recovered.left.push(key)
        else recovered.unwanted.push(rowOf(place, counts.header.identifier, key, 'unwanted'))
      }
      continue
    }
    // What is not the one that counts stays as it is: whoever deleted that one may restore it, and then it is needed.
    recovered.left.push(...found.filter(({ header }) => header !== null))
    const [lower] = live
    if (!entry && counts && lower?.header)
      // Entered in the journal it stays revoked also when the deleted one is purged, and nobody can tell any more.
      recovered.objects.push(revoked(place, counts, lower.header, found))
    else if (!entry) recovered.unknown.push(name)
    else if (entry.generation === 'data-key' && !counts)
      recovered.lost.push({
        identifier: entry.uniqueIdentifier,
        label: labelOf(unpackAttributes(entry.attributes)),
      })
    else recovered.objects.push(withoutMaterial(place, entry, { deleted: counts, found }))
  }
  const objects = withUniqueNames(recovered.objects).toSorted(
    ({ object: a }, { object: b }) =>
      a.createdMs - b.createdMs || (a.uniqueIdentifier < b.uniqueIdentifier ? -1 : 1),
  )
  return { ...recovered, objects }
}

/** The state of this row and its id are the same each time, so that a restore can be done again. */
function rowOf(
  place: RecoveredPlace,
  identifier: string,
  key: FoundKey,
  state: 'current' | 'unwanted',
): StandardKeyRecord {
  const { instanceId, nowMs } = place
  return {
    id: rowId(instanceId, key),
    instanceId,
    kind: 'object',
    identifier,
    generation: key.generation,
    rootKeyUri: holderOf(place, key).uri,
    state,
    standardKeyId: key.id,
    keyVersion: key.header?.keyVersion ?? '',
    createdMs: key.createdMs ?? nowMs,
  }
}

/** Begins with the attempt, as that of the record with which it was made. */
export function rowId(
  instanceId: string,
  { attempt, id }: { readonly attempt: string; readonly id: string },
): string {
  return attempt + createHash('sha256').update(`${instanceId}/${id}`).digest('hex').slice(0, 20)
}

/** What people know an object by: the name that vCenter noted on it, or its Name. */
export function labelOf(attributes: AttributeSet): string | null {
  const noted = attributes.get('x-Name')?.[0]?.value as { readonly value?: unknown } | undefined
  if (typeof noted?.value === 'string') return noted.value
  return first(attributes, 'Name')?.NameValue ?? null
}

/**
 * Within a generation the one that counts comes first. That is the one that was made last: another attempt at the same
 * generation begins only after the one before was given up and deleted. Where that cannot be told, the deleted one.
 */
function newestFirst(keys: readonly FoundKey[]): readonly FoundKey[] {
  return keys.toSorted((a, b) => {
    if (a.generation !== b.generation) return b.generation - a.generation
    if (a.createdMs !== null && b.createdMs !== null && a.createdMs !== b.createdMs)
      return b.createdMs - a.createdMs
    return a.header === null ? -1 : 1
  })
}

/**
 * The one that counts, deleted or not; undefined: it is not there any more, not even as deleted. A generation above the
 * one that the entry names and not above its version was made and given up. `isSure`: the journal says all that was
 * written; what it names was deleted by its owner, if it is not there. What only the database had has the same bytes in
 * any that is left.
 */
function counting(
  place: RecoveredPlace,
  entry: JournalEntry | undefined,
  { found, isSure }: { readonly found: readonly FoundKey[]; readonly isSure: boolean },
): FoundKey | undefined {
  const ofEach = found.filter(({ generation }, at) => found[at - 1]?.generation !== generation)
  const named = typeof entry?.generation === 'number' ? entry.generation : 0
  const above = Math.max(named, entry?.version ?? 0)
  const fit = ofEach.filter(({ generation }) => generation === named || generation > above)
  if (fit.length === 0 && entry?.generation === 'data-key')
    return ofEach.find(({ header }) => header !== null)
  if (!isSure) return fit[0]
  const deleted = fit.find(({ header }) => header === null)
  if (deleted) return deleted
  const isSeen = named === 0 || fit.some(({ generation }) => generation === named)
  // It may well be there, where nobody looked.
  const isElsewhere = typeof entry?.rootKeyId === 'string' && !isNamed(place, entry.rootKeyId)
  return isSeen || isElsewhere ? fit[0] : undefined
}

interface Known {
  readonly entry: JournaledEntry | undefined
  readonly found: readonly FoundKey[]
}

function opening(
  place: RecoveredPlace,
  key: FoundKey,
  header: StandardKeyHeader,
  { entry, found }: Known,
): RecoveredObject {
  const sealed = sealedAt(place, key)
  const object = entry ? ofEntry(place, entry, sealed) : ofHeader(place, header, { sealed, found })
  const row = rowOf(place, header.identifier, key, 'current')
  const { rootKeyId: sealedBy, generation } = key
  const outcome = isNamed(place, sealedBy) ? 'opens' : 'elsewhere'
  return { ...noted(object, generation, { entry, found }), outcome, sealedBy, row }
}

/** The journal does not know it; what it is says another generation that was left. */
function revoked(
  place: RecoveredPlace,
  deleted: FoundKey,
  header: StandardKeyHeader,
  found: readonly FoundKey[],
): RecoveredObject {
  const object = ofHeader(place, header, { sealed: sealedAt(place, deleted), found })
  const row = rowOf(place, header.identifier, deleted, 'current')
  const { rootKeyId: sealedBy, generation } = deleted
  return { ...noted(object, generation, { entry: undefined, found }), outcome: 'deleted', sealedBy, row }
}

/** It points to what was deleted: restored there, it opens again. Or it lies beside a root key that was not named. */
function withoutMaterial(
  place: RecoveredPlace,
  entry: JournaledEntry,
  { deleted, found }: { readonly deleted: FoundKey | undefined; readonly found: readonly FoundKey[] },
): RecoveredObject {
  const sealedBy = (deleted ? deleted.rootKeyId : entry.rootKeyId) ?? place.rootKeys[0].id
  const nowhere = { besideUri: place.rootKeys[0].uri, rootKeyId: sealedBy, id: nobodysId }
  const named = typeof entry.generation === 'number' ? entry.generation : 1
  const at = deleted ?? { ...nowhere, generation: named }
  const object = ofEntry(place, entry, sealedAt(place, at))
  const row = deleted ? rowOf(place, entry.uniqueIdentifier, deleted, 'current') : null
  const outcome = deleted || isNamed(place, sealedBy) ? 'deleted' : 'elsewhere'
  return { ...noted(object, at.generation, { entry, found }), outcome, sealedBy, row }
}

/** No generation that is there, or was, can come to count later: the version is as high as all of them. */
function noted(
  object: ManagedObject,
  generation: number,
  { entry, found }: Known,
): Pick<RecoveredObject, 'object' | 'journaled' | 'isEntered'> {
  const version = Math.max(object.version, generation, found[0]?.generation ?? 0)
  const isEntered = entry?.version === version && entry.generation === generation
  return { object: { ...object, version }, journaled: entry !== undefined, isEntered }
}

function isNamed({ rootKeys }: RecoveredPlace, rootKeyId: string): boolean {
  return rootKeys.some(({ id }) => id === rootKeyId)
}

/** Departures to where nobody looked: keys of the instance may lie there. */
export function unnamed(place: RecoveredPlace, departures: Journaled['departures']): Journaled['departures'] {
  return departures.filter(({ custody, rootKeyId }) => custody !== 'database' && !isNamed(place, rootKeyId))
}

/** The root key by which one comes to a standard key: the one that sealed it, or, if need be, another beside it. */
export function holderOf(
  { rootKeys }: RecoveredPlace,
  { rootKeyId, besideUri }: Pick<FoundKey, 'rootKeyId' | 'besideUri'>,
): NamedRootKey {
  return (
    rootKeys.find(({ id }) => id === rootKeyId) ??
    rootKeys.find(({ uri }) => uri === besideUri) ??
    rootKeys[0]
  )
}

function sealedAt(
  place: RecoveredPlace,
  key: Pick<FoundKey, 'id' | 'generation' | 'rootKeyId' | 'besideUri'>,
): Buffer {
  const { uri, id } = holderOf(place, key)
  return packPlace({ rootKeyUri: uri, rootKeyId: id, standardKeyId: key.id, generation: key.generation })
}

function ofEntry(
  { instanceId }: RecoveredPlace,
  entry: JournalEntry,
  sealed: Uint8Array | null,
): ManagedObject {
  const { uniqueIdentifier, objectType, state, version, createdMs } = entry
  if (!isState(state)) throw new Error(`the journal has ${uniqueIdentifier} in the unknown state ${state}`)
  const attributes = unpackAttributes(entry.attributes)
  return {
    instanceId,
    uniqueIdentifier,
    objectType: objectType as ObjectType,
    state,
    version,
    createdMs,
    // Whether it was served since is not known.
    attributes: attributes.has('Fresh') ? withAttribute(attributes, 'Fresh', false) : attributes,
    sealed,
    dataKeyId: null,
  }
}

function ofHeader(
  { instanceId, nowMs }: RecoveredPlace,
  header: StandardKeyHeader,
  { sealed, found }: { readonly sealed: Buffer; readonly found: readonly FoundKey[] },
): ManagedObject {
  const objectType = header.objectType as ObjectType
  const createdMs = Math.min(...found.map((key) => key.createdMs ?? nowMs))
  const known = new Map<string, ReturnType<typeof single>>()
  if (header.algorithm !== null && Object.hasOwn(enums.CryptographicAlgorithm, header.algorithm))
    known.set('CryptographicAlgorithm', single(header.algorithm))
  if (header.length !== null) known.set('CryptographicLength', single(header.length))
  if (header.mask !== null) known.set('CryptographicUsageMask', single(header.mask))
  known.set('Fresh', single(false))
  if (hasState(objectType)) known.set('ActivationDate', single(BigInt(Math.floor(createdMs / 1000))))
  const birth = { nowMs: createdMs, generated: false, digest: undefined }
  return {
    instanceId,
    uniqueIdentifier: header.identifier,
    objectType,
    state: hasState(objectType) ? 'Active' : 'PreActive',
    version: 1,
    createdMs,
    attributes: initialAttributes({ objectType, attributes: known }, birth),
    sealed,
    dataKeyId: null,
  }
}

/** A Name that went from one object to another between two entries of the journal stays with the one that changed last. */
function withUniqueNames(all: readonly RecoveredObject[]): readonly RecoveredObject[] {
  const taken = new Set<string>()
  return all
    .toSorted(({ object: a }, { object: b }) => Number(lastChange(b) - lastChange(a)))
    .map((one) => {
      const { object, outcome } = one
      const names = object.attributes.get('Name') ?? []
      if (outcome === 'destroyed' || names.length === 0) return one
      const kept = names.filter(({ value }) => !taken.has(searchKey('Name', value)))
      for (const { value } of kept) taken.add(searchKey('Name', value))
      if (kept.length === names.length) return one
      const attributes = new Map(object.attributes)
      if (kept.length > 0) attributes.set('Name', kept)
      else attributes.delete('Name')
      return { ...one, object: { ...object, attributes } }
    })
}

function lastChange({ attributes }: ManagedObject): bigint {
  return first(attributes, 'LastChangeDate') ?? 0n
}
