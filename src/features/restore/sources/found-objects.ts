// Finds the objects of an instance from its standard keys alone, by rule 3 of core/custody/keyprotect/rules.ts. Pure: standard-keys.ts
// reads the keys, and write.ts writes the objects.

import { rowOf } from '../../../core/custody/keyprotect/records.ts'
import { encodeStandardKeyRef } from '../../../core/custody/keyprotect/reference.ts'
import {
  closingFor,
  closingRank,
  mayDelete,
  withoutDatabase,
  type Copy,
} from '../../../core/custody/keyprotect/rules.ts'
import type { ManagedObject } from '../../../core/keys/object/managed-object.ts'
import { foundObject } from '../../../core/keys/object/object-facts.ts'
import { comparedNames, nameValues, withFreeNames } from '../../../core/keys/object/object-names.ts'
import type { StandardKeyRecord } from '../../../core/ports/secrets.ts'
import type { FoundKey } from './standard-keys.ts'

export interface FoundObject {
  readonly object: ManagedObject
  /** 'deleted': its owner deleted its standard key. 'elsewhere': a root key that was not named wrapped it. */
  readonly outcome: 'opens' | 'deleted' | 'elsewhere'
  /** Id of the root key that wrapped what counts. */
  readonly sealedBy: string
  readonly row: StandardKeyRecord
  /** Names that this object loses, because one that was made later has them too. */
  readonly namesLost: readonly string[]
}

export interface RestoredObjects {
  /** In the order in which they were made. */
  readonly objects: readonly FoundObject[]
  /** Other copies of them: what may be deleted of these is decided later. */
  readonly unwanted: readonly StandardKeyRecord[]
  /** The names of standard keys whose copies were all deleted: by their owner, or because the key was destroyed. */
  readonly gone: readonly string[]
  /** By the id of a root key that was not named: of how many objects it wrapped the highest generation. */
  readonly elsewhere: ReadonlyMap<string, number>
}

export interface RestorePlace {
  readonly instanceId: string
  /** The root key that the instance has from now on, then others that wrapped keys of it. */
  readonly rootKeys: readonly [NamedRootKey, ...NamedRootKey[]]
  readonly nowMs: number
}

export interface NamedRootKey {
  readonly uri: string
  readonly id: string
}

/** `sharesNames`: objects may have the same Name. */
export function restoreObjects(
  place: RestorePlace,
  keys: readonly FoundKey[],
  sharesNames: boolean,
): RestoredObjects {
  const objects: FoundObject[] = []
  const unwanted: StandardKeyRecord[] = []
  const gone: string[] = []
  const elsewhere = new Map<string, number>()
  for (const [name, group] of Map.groupBy(keys, ({ listed }) => listed.name)) {
    const above = highestElsewhere(place, group)
    if (above !== undefined) elsewhere.set(above, (elsewhere.get(above) ?? 0) + 1)
    const restored = restoreOne(place, group)
    if (!restored) {
      gone.push(name)
      continue
    }
    objects.push(restored.object)
    unwanted.push(...restored.others)
  }
  return {
    objects: sharesNames
      ? objects.toSorted(({ object: a }, { object: b }) => order(a, b))
      : withUniqueNames(objects),
    unwanted,
    gone,
    elsewhere,
  }
}

/** The object by its copies; undefined: every copy was deleted. */
function restoreOne(
  place: RestorePlace,
  group: readonly FoundKey[],
): { readonly object: FoundObject; readonly others: readonly StandardKeyRecord[] } | undefined {
  const { counts, deleted, closing } = withoutDatabase(group.map(({ copy }) => copy))
  const of = (copy: Copy | null) => group.find((one) => one.copy === copy)
  // A root key that was not named wrapped such a copy: its bytes are there, and this server cannot open them.
  const closed = of(counts) ?? group.filter(({ copy, header }) => copy.isLive && header).at(0)
  if (!closed?.header) return undefined
  const outcome = counts ? 'opens' : closed.copy.opened ? 'deleted' : 'elsewhere'
  const chosen = counts ? closed : outcome === 'deleted' ? (of(deleted) ?? closed) : closed
  const { header } = closed
  const said = group.flatMap(({ header, copy }) => (copy.opened ? (header?.closing ?? []) : []))
  const made = group.flatMap(({ listed }) => listed.createdMs ?? [])
  const object = foundObject({
    instanceId: place.instanceId,
    identifier: header.identifier,
    objectType: header.objectType,
    facts: header,
    closing: closingFor(closing, said, place.nowMs),
    createdMs: made.length === 0 ? place.nowMs : Math.min(...made),
    sealed: encodeStandardKeyRef({ ...holderRef(place, chosen), generation: chosen.copy.generation }),
    dataKeyId: null,
    generation: Math.max(...group.map(({ copy }) => copy.generation)),
  })
  const isDue = counts !== null && closingRank(counts.closing) < closingRank(closing)
  const { identifier } = header
  return {
    object: {
      object,
      outcome,
      sealedBy: chosen.listed.rootKeyId,
      row: restoredRow(place, identifier, chosen, isDue ? 'due' : 'current'),
      namesLost: [],
    },
    others: group
      .filter((one) => one !== chosen && one.copy.isLive && isSuperfluous(one.copy, counts, deleted))
      .map((one) => restoredRow(place, identifier, one, 'unwanted')),
  }
}

/** The state as far as it is known now. When the copy is read again, the server decides whether to delete it. */
function isSuperfluous(copy: Copy, counts: Copy | null, deleted: Copy | null): boolean {
  if (!counts)
    return deleted !== null && mayDelete(copy, { because: 'deleted-above', generation: deleted.generation })
  const because = copy.generation < counts.generation ? 'replaced' : 'copied'
  return mayDelete(copy, { because, by: counts })
}

function highestElsewhere({ rootKeys }: RestorePlace, group: readonly FoundKey[]): string | undefined {
  const highest = Math.max(...group.map(({ copy }) => copy.generation))
  const top = group.find(({ copy }) => copy.generation === highest && copy.isLive)
  if (!top || rootKeys.some(({ id }) => id === top.listed.rootKeyId)) return undefined
  return top.listed.rootKeyId
}

function restoredRow(
  place: RestorePlace,
  identifier: string,
  { listed, copy, keyVersion }: FoundKey,
  state: StandardKeyRecord['state'],
): StandardKeyRecord {
  const { instanceId, nowMs } = place
  const { rootKeyUri } = holderRef(place, { listed, copy })
  const made = { id: copy.id, generation: copy.generation, keyVersion }
  return { ...rowOf({ instanceId, identifier }, made, rootKeyUri, listed.createdMs ?? nowMs), state }
}

/** The root key through which a standard key is read: the one that wrapped it, or another beside it. */
function holderRef(
  { rootKeys }: RestorePlace,
  { listed, copy }: Pick<FoundKey, 'listed' | 'copy'>,
): { readonly rootKeyUri: string; readonly rootKeyId: string; readonly standardKeyId: string } {
  const { uri, id } = rootKeys.find((one) => one.id === listed.rootKeyId) ?? listed.beside
  return { rootKeyUri: uri, rootKeyId: id, standardKeyId: copy.id }
}

/** A Name that two objects had stays with the one that was made last. */
function withUniqueNames(all: readonly FoundObject[]): readonly FoundObject[] {
  const taken = new Set<string>()
  return all
    .toSorted(({ object: a }, { object: b }) => order(b, a))
    .map((one) => {
      const object = withFreeNames(one.object, (name) => taken.has(name))
      for (const name of comparedNames(object)) taken.add(name)
      return {
        ...one,
        object,
        namesLost: nameValues(one.object).filter((name) => !nameValues(object).includes(name)),
      }
    })
    .toSorted(({ object: a }, { object: b }) => order(a, b))
}

function order(a: ManagedObject, b: ManagedObject): number {
  return a.createdMs - b.createdMs || (a.uniqueIdentifier < b.uniqueIdentifier ? -1 : 1)
}
