// Markers as a restore reads and writes them (rules.ts, rules 5 and 6): where else keys of an instance may be, and the
// higher epoch that stops a server with another database from storing and deleting keys.

import { randomUUID } from 'node:crypto'
import type { RootKey } from '../../ports/root-key.ts'
import type { Write } from '../../ports/store.ts'
import { custodyNeeds, type CustodyInstance } from '../custody.ts'
import { markerRecord, readMarker, type Markers, type MarkerText, type WantedMarker } from './markers.ts'
import { otherPlaces, type Marker } from './rules.ts'

/** A listed marker, with a root key beside which the service lists it. */
export type ListedMarker = Marker & { readonly beside: RootKey }

/** Where markers say that other keys of the instance may be. */
export interface OtherPlace {
  /** The id of the root key there; null if that place is no root key. */
  readonly rootKeyId: string | null
  readonly says: MarkerText
  readonly atMs: number
}

/** Throws RootKeyError. */
export async function placesOf(markers: readonly ListedMarker[]): Promise<readonly OtherPlace[]> {
  const places: OtherPlace[] = []
  for (const some of Map.groupBy(markers, ({ rootKeyId }) => rootKeyId).values())
    for (const { way, place, marker } of otherPlaces(some)) {
      const listed = some.find(({ id }) => id === marker.id)
      const text = listed && (await readMarker(listed.beside, marker))
      const custody = place === 'database' ? 'database' : place === 'nowhere' ? 'none' : 'keyprotect'
      const says = text?.says ?? { way: way === 'from' ? 'from' : 'to', custody, rootKeyUri: place }
      const rootKeyId = custody === 'keyprotect' ? place : null
      places.push({ rootKeyId, says, atMs: text?.atMs ?? marker.number * 1000 })
    }
  return places
}

/** The root key that sealed the instance's keys in the database, if it was moving there; null otherwise. */
export function leftForDatabase(
  places: readonly OtherPlace[],
): { readonly rootKeyUri: string; readonly atMs: number } | null {
  for (const { says, atMs } of places)
    if (says.way === 'to' && says.custody === 'database') return { rootKeyUri: says.rootKeyUri, atMs }
  return null
}

/** When the instance was deleted, and its standard keys with it; null if no marker says so. */
export function deletedMs(places: readonly OtherPlace[]): number | null {
  return places.find(({ says }) => says.way === 'to' && says.custody === 'none')?.atMs ?? null
}

/**
 * Stores a marker beside each root key, with the new epoch of the instance, and returns the rows of all markers there. Drops the
 * markers that were due from an earlier life of the instance on this server. `comesFrom`: root keys from which keys move to the
 * root key of the instance. Throws RootKeyError.
 */
export async function raiseEpoch(
  markers: Markers,
  {
    id: instanceId,
    rootKeyUri,
    custody,
    epoch = 0,
  }: Pick<CustodyInstance, 'id' | 'rootKeyUri' | 'custody' | 'epoch'>,
  listed: readonly ListedMarker[],
  {
    rootKeys,
    comesFrom,
    nowMs,
  }: {
    readonly rootKeys: readonly RootKey[]
    readonly comesFrom: readonly Pick<RootKey, 'uri'>[]
    readonly nowMs: number
  },
): Promise<readonly Write[]> {
  const writes: Write[] = []
  const rows = await markers.rows(instanceId)
  for (const { id, state } of rows) if (state === 'due') writes.push({ type: 'standard-key-removed', id })
  for (const { id, number, epoch: was, says, isLive, beside } of listed) {
    const text = isLive ? await readMarker(beside, { id }) : null
    const full = text?.says ?? (says.way === 'stays' && isLive ? { way: says.way } : null)
    if (!full) continue
    const known = { instanceId, rootKeyUri: beside.uri, epoch: was, says: full, number }
    writes.push({ type: 'standard-key', record: markerRecord(id, known, 'current', nowMs) })
  }
  const known = [...listed.map((marker) => marker.number), ...rows.map(({ generation }) => generation)]
  const number = Math.max(Math.floor(nowMs / 1000), ...known.map((one) => one + 1))
  const from = comesFrom.map(({ uri }): MarkerText => ({ way: 'from', custody, rootKeyUri: uri }))
  const here: readonly MarkerText[] = from.length > 0 ? from : [{ way: 'stays' }]
  for (const rootKey of rootKeys) {
    const texts: readonly MarkerText[] =
      rootKey.uri === rootKeyUri ? here : [{ way: 'to', custody, rootKeyUri }]
    for (const [index, says] of texts.entries()) {
      const marker: WantedMarker = {
        instanceId,
        rootKeyUri: rootKey.uri,
        epoch,
        says,
        number: number + index,
      }
      const id = await markers.store(rootKey, marker)
      writes.push({ type: 'standard-key', record: markerRecord(id, marker, 'current', nowMs) })
    }
  }
  return writes
}

/** An epoch above all known ones: the clock's seconds, or one more than the highest if the clock was set back. */
export function nextEpoch(known: readonly number[], nowMs: number): number {
  return Math.max(Math.floor(nowMs / 1000), ...known.map((epoch) => epoch + 1))
}

/**
 * Raises the epoch of an instance whose older database its owner accepted (`restore-accept`), so that a server that may still run
 * on the newer database stops storing and deleting. The writes make a marker due beside each root key where the instance has
 * keys. `known`: all known markers of the instance; `rootKeyUris`: the other root keys where it has keys.
 */
export function withHigherEpoch<T extends CustodyInstance>(
  instance: T,
  {
    nowMs,
    known = [],
    rootKeyUris = [],
  }: {
    readonly nowMs: number
    readonly known?: readonly Pick<Marker, 'epoch' | 'number'>[]
    readonly rootKeyUris?: Iterable<string>
  },
): { readonly instance: T; readonly writes: readonly Write[] } {
  const { id: instanceId, custody, rootKeyUri, work, epoch: was = 0 } = instance
  const beside = new Set<string>()
  if (custodyNeeds[custody].standardKeys) beside.add(rootKeyUri)
  if (work && custodyNeeds[work.fromCustody].standardKeys) beside.add(work.fromRootKeyUri)
  for (const uri of rootKeyUris) beside.add(uri)
  if (beside.size === 0) return { instance, writes: [] }
  const epoch = nextEpoch([was, ...known.map((marker) => marker.epoch)], nowMs)
  const number = Math.max(Math.floor(nowMs / 1000), ...known.map((marker) => marker.number + 1))
  const writes = [...beside].map((uri): Write => {
    const isHere = custody === 'keyprotect' && uri === rootKeyUri
    const says: MarkerText = isHere ? { way: 'stays' } : { way: 'to', custody, rootKeyUri }
    const marker: WantedMarker = { instanceId, rootKeyUri: uri, epoch, says, number }
    return { type: 'standard-key', record: markerRecord(randomUUID(), marker, 'due', nowMs) }
  })
  return { instance: { ...instance, epoch }, writes }
}
