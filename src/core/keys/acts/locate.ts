// Locate (KMIP 1.4 §4.9): the objects that match all of the given attributes, newest first. The store narrows the search
// by an index. This file compares every object by the attribute rules, and takes turns with other requests.

import { objectsStepRows } from '../../../base/bounds.ts'
import { appliesTo, onlyPolicy } from '../../../wire/kmip/attribute-rules.ts'
import {
  existsIn,
  first,
  isCustom,
  searchKey,
  type AttributeSet,
  type AttributeValue,
} from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { Version } from '../../../wire/kmip/version.ts'
import { isArchived } from '../object/archive.ts'
import { isDestroyed } from '../object/lifecycle.ts'
import { allAttributes, fromRecord, searchEntry, type ManagedObject } from '../object/managed-object.ts'
import { derivedKeys, withDerived } from '../object/newer-attributes.ts'
import type { Pace } from '../transaction/pace.ts'
import type { IndexEntry, StoredObject } from '../../ports/objects.ts'
import type { Store } from '../../ports/store.ts'
import type { StagedChange } from '../transaction/staged-change.ts'

/** Locate returns at most this many identifiers at a time, whatever Maximum Items says. */
const locateItemsMax = 10_000
/** The most attributes in one Locate, and how many of them Mortise looks up in the store's index. */
const locateAttributesMax = 100
const locateIndexedMax = 8

export interface LocateQuery {
  /** Two dates of one key are a range. For other repeated keys, the object must have each value. */
  readonly criteria: readonly { readonly key: string; readonly value: unknown }[]
  readonly maximumItems: number | undefined
  readonly offsetItems: number
  readonly storage: StorageFilter
  /** KMIP 1.1 §4.9: Object Group Member Fresh finds only objects that no client has fetched yet. */
  readonly onlyFresh: boolean
  /** Searches to the last object, to count all that match. */
  readonly countAll?: boolean
  /** The most bytes that the identifiers in the answer may take. */
  readonly bytesMax?: number
}

/** KMIP 1.4 §9.1.3.3.2, 2.0 §11.58: where the object may be stored. */
export interface StorageFilter {
  readonly online: boolean
  readonly archived?: boolean
  readonly destroyed: boolean
}

export interface Located {
  readonly uniqueIdentifiers: readonly string[]
  /** The number of all matches, including those that Maximum Items and Offset Items left out. Only with `countAll`. */
  readonly total: number | undefined
}

interface LocateParts {
  readonly staged: StagedChange
  readonly store: Store
  readonly pace: Pace
}

export async function locate(parts: LocateParts, request: LocateQuery, version: Version): Promise<Located> {
  const query = existsIn('OperationPolicyName', version) ? withoutPolicy(request) : request
  if (query.offsetItems < 0 || (query.maximumItems ?? 0) < 0)
    throw new Fault('InvalidField', 'Maximum Items and Offset Items cannot be negative')
  if (query.criteria.length > locateAttributesMax)
    throw new Fault('InvalidField', `Locate takes ${String(locateAttributesMax)} attributes at most`)
  const { online, archived, destroyed } = query.storage
  if (!online && !archived && !destroyed) return { uniqueIdentifiers: [], total: 0 }
  const matches = matcher(query, version, parts.staged.nowMs)
  const most = Math.min(query.maximumItems ?? locateItemsMax, locateItemsMax)
  const end = query.offsetItems + most
  const identifiers: string[] = []
  let bytes = 0
  for await (const object of candidates(parts, query)) {
    if (parts.pace.spent) await parts.pace.turn()
    if (!matches(object)) continue
    identifiers.push(object.uniqueIdentifier)
    if (identifiers.length > query.offsetItems && identifiers.length <= end)
      bytes += wireBytes(object.uniqueIdentifier)
    if (bytes > (query.bytesMax ?? Infinity))
      throw new Fault('ResponseTooLarge', 'more objects match than the answer has room for: ask for fewer')
    if (identifiers.length >= end && query.countAll !== true && !query.onlyFresh) break
  }
  // A group hands out its fresh members in their order of arrival.
  if (query.onlyFresh) identifiers.reverse()
  const total = query.countAll === true ? identifiers.length : undefined
  return { uniqueIdentifiers: identifiers.slice(query.offsetItems, end), total }
}

/** Every object is under the server's only policy, even if no client named it (KMIP 1.4 §3.18.2). */
function withoutPolicy(query: LocateQuery): LocateQuery {
  const isPolicy = ({ key, value }: LocateQuery['criteria'][number]) =>
    key === 'OperationPolicyName' && value === onlyPolicy
  return { ...query, criteria: query.criteria.filter((criterion) => !isPolicy(criterion)) }
}

/** The size of a Text String in TTLV: a header of 8 bytes, padded to 8. */
function wireBytes(identifier: string): number {
  return 8 + Math.ceil(Buffer.byteLength(identifier) / 8) * 8
}

/** The candidates, newest first: the objects of the store, with the staged ones in their places. */
async function* candidates(parts: LocateParts, query: LocateQuery): AsyncGenerator<ManagedObject> {
  const { staged } = parts
  const changed = [...staged.objects()]
  const isChanged = new Set(changed.map(({ uniqueIdentifier }) => uniqueIdentifier))
  for await (const record of stored(parts, query)) {
    while (changed[0] && staged.isNewer(changed[0], record)) yield* changed.splice(0, 1)
    if (!isChanged.has(record.uniqueIdentifier)) yield staged.asFetched(fromRecord(record))
  }
  yield* changed
}

async function* stored(
  { staged, store, pace }: LocateParts,
  query: LocateQuery,
): AsyncGenerator<StoredObject> {
  const { instanceId } = staged.caller
  const index = query.criteria
    .map(({ key, value }) => searchEntry(key, value))
    .filter((entry): entry is IndexEntry => entry !== undefined)
    .slice(0, locateIndexedMax)
  const identifier = query.criteria.find(({ key }) => key === 'UniqueIdentifier')
  if (identifier) {
    const record = await store.object(instanceId, String(identifier.value))
    if (record) yield record
    return
  }
  let beforeSequence: number | undefined
  // Each page has as many objects as one turn can process: objects may be large. The first page has the requested number.
  let limit = Math.max(1, Math.min(query.offsetItems + (query.maximumItems ?? 8), 16))
  for (;;) {
    if (pace.spent) await pace.turn()
    const page = await store.objects({
      instanceId,
      limit,
      index,
      includeDestroyed: query.storage.destroyed,
      ...(beforeSequence !== undefined && { beforeSequence }),
    })
    const last = page.at(-1)
    const isLast = page.length < limit
    limit = pace.spent ? Math.max(1, limit >> 1) : Math.min(limit * 2, objectsStepRows)
    // The store finds by a hash: a collision must not show another instance's object.
    for (const record of page) if (record.instanceId === instanceId) yield record
    if (!last || isLast) return
    beforeSequence = last.sequence
  }
}

/** One test per wanted attribute; an object must pass all. */
function matcher(query: LocateQuery, version: Version, nowMs: number): (object: ManagedObject) => boolean {
  const byKey = Map.groupBy(query.criteria, ({ key }) => key)
  const tests = [...byKey].map(([key, expected]) =>
    test(
      key,
      expected.map(({ value }) => value),
    ),
  )
  const isDerived = [...byKey.keys()].some((key) => derivedKeys.has(key))
  return (object) => {
    if (!isWhere(object, query.storage)) return false
    const stored = allAttributes(object, nowMs)
    const attributes = isDerived ? withDerived(stored, object.uniqueIdentifier) : stored
    if (query.onlyFresh && first(attributes, 'Fresh') !== true) return false
    return (
      [...byKey.keys()].every(
        (key) => existsIn(key, version) && (key !== 'State' || appliesTo(key, object.objectType, version)),
      ) && tests.every((passes) => passes(attributes))
    )
  }
}

function isWhere(object: ManagedObject, { online, archived, destroyed }: StorageFilter): boolean {
  if (isDestroyed(object.state)) return destroyed
  return isArchived(object) ? archived === true : online
}

function test(key: string, expected: readonly unknown[]): (attributes: AttributeSet) => boolean {
  const values = (attributes: AttributeSet) => (attributes.get(key) ?? []).map(({ value }) => value)
  if (isDate(key)) {
    const dates = (expected as readonly bigint[]).toSorted((a, b) => (a < b ? -1 : 1))
    const [from = 0n, to = from] = dates
    return (attributes) => {
      const [date = noDate] = values(attributes) as bigint[]
      return dates.length > 2 ? dates.every((one) => one === date) : date >= from && date <= to
    }
  }
  if (key === 'CryptographicUsageMask') {
    const mask = (expected as readonly number[]).reduce((all, bits) => all | bits, 0)
    return (attributes) => (values(attributes) as number[]).some((bits) => (bits & mask) === mask)
  }
  if (key === 'UsageLimits')
    return (attributes) =>
      expected.every((limit) =>
        values(attributes).some((limits) => reaches(limits as Limits, limit as Limits)),
      )
  const searches = expected.map((value) => (candidate: unknown) => contains(key, candidate, value))
  return (attributes) => searches.every((search) => values(attributes).some(search))
}

/** KMIP 1.4 §4.9: the largest date stands for a missing one, such as a Deactivation Date that never comes. */
const noDate = 2n ** 63n - 1n

type Limits = Partial<AttributeValue<'UsageLimits'>>

/** Whether the limits have the requested unit and at least the requested numbers. An absent field requests nothing. */
function reaches(limits: Limits, least: Limits): boolean {
  return (
    isAtLeast(limits.UsageLimitsTotal, least.UsageLimitsTotal) &&
    isAtLeast(limits.UsageLimitsCount, least.UsageLimitsCount) &&
    (least.UsageLimitsUnit === undefined || least.UsageLimitsUnit === limits.UsageLimitsUnit)
  )
}

function isAtLeast(value: bigint = 0n, least: bigint | undefined): boolean {
  return least === undefined || value >= least
}

/** Whether the values are equal; for a structure, in every field of the request (KMIP 1.4 §4.9). No field of an attribute is a structure. */
function contains(key: string, candidate: unknown, expected: unknown): boolean {
  if (isCustom(key) || !isPlain(expected)) return searchKey(key, candidate) === searchKey(key, expected)
  const fields = candidate as Record<string, unknown>
  return Object.entries(expected).every(
    ([field, value]) => value === undefined || sameField(fields[field], value),
  )
}

function sameField(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  if (Array.isArray(a) && Array.isArray(b)) return b.every((one) => a.some((other) => sameField(other, one)))
  return a === b
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && !Array.isArray(value)
  )
}

function isDate(key: string): boolean {
  return !isCustom(key) && key.endsWith('Date')
}
