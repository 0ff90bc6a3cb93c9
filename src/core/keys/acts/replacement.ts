// One object replaces another (KMIP 1.4 §4.4, §4.5, §4.8): the new one has the attributes of the old one, except those of its
// life, which begins now. The old one stays, without its Names.

import { first, type AttributeInstance, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { markedByAdoption } from '../object/adopted-object.ts'
import { isDestroyed } from '../object/lifecycle.ts'
import { linksOf, linkTo, withSoleLink } from '../object/links.ts'
import { single, withAttribute, type ManagedObject } from '../object/managed-object.ts'
import { nonceCountKey } from '../object/nonce-count.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

export interface ReplacementRequest {
  /** The client's attributes, checked by the attribute rules. */
  readonly changes: AttributeSet
  /** Seconds from now to the Activation Date of the new object. Left out: it has the dates of the old one. */
  readonly offset: number | undefined
  readonly nowMs: number
}

/**
 * KMIP 1.4 §4.4, §4.5, §4.8: "SHOULD only be performed once". A second replacement would take over no Name, and the link to the
 * first one would be lost. Throws Fault PermissionDenied while the first replacement is not destroyed.
 */
export async function requireUnreplaced(
  objects: TransactionObjects,
  { attributes }: ManagedObject,
): Promise<void> {
  for (const id of linksOf(attributes, 'ReplacementObjectLink')) {
    const replacement = await objects.staged.load(id)
    if (replacement && !isDestroyed(replacement.state))
      throw new Fault(
        'PermissionDenied',
        `this object was replaced already: take the one that replaced it, ${id}`,
      )
  }
}

/** Throws Fault KeyValueNotPresent for a key whose bytes are elsewhere (KMIP 1.4 §11.5, §11.6). */
export function requireKeyValue({ attributes }: ManagedObject): void {
  if (first(attributes, 'KeyValuePresent') === false)
    throw new Fault('KeyValueNotPresent', 'the key itself is not on this server')
}

/** The old object after its replacement. Stage it before the new one, so that the Names are free. */
export function replacedBy(existing: ManagedObject, replacement: string): ManagedObject {
  const linked = withSoleLink(existing.attributes, linkTo('ReplacementObjectLink', replacement))
  const unnamed = withAttribute(linked, 'Name', undefined)
  return { ...existing, attributes: withAttribute(unnamed, 'RotateLatest', false) }
}

/** The attributes of the new object. Throws Faults where an Offset does not fit the dates. */
export function replacementAttributes(
  existing: AttributeSet,
  { changes: stated, offset, nowMs }: ReplacementRequest,
): AttributeSet {
  if (offset !== undefined && dates.some((key) => stated.has(key)))
    throw new Fault('InvalidMessage', 'an Offset stands beside dates: give one or the other')
  const now = BigInt(Math.floor(nowMs / 1000))
  return together(rotated(withDates(inherited(existing), offset, now), existing, now), stated)
}

/** KMIP 2.1 §4.49, §4.50, §4.52: counts the rotations up to the new object, dates the last one now, and marks the object as the latest. */
function rotated(attributes: AttributeSet, existing: AttributeSet, now: bigint): AttributeSet {
  const generation = Math.min((first(existing, 'RotateGeneration') ?? 0) + 1, generationMax)
  return new Map([
    ...attributes,
    ['RotateDate', single(now)] as const,
    ['RotateGeneration', single(generation)] as const,
    ['RotateLatest', single(true)] as const,
  ])
}

/** An Integer of KMIP has 32 bits. */
const generationMax = 2 ** 31 - 1

/** KMIP 1.4 §4.4, table 173: the new key does not inherit these, because the server sets them itself or they concern the old key. */
const notInherited: ReadonlySet<string> = new Set([
  'InitialDate',
  'DestroyDate',
  'CompromiseOccurrenceDate',
  'CompromiseDate',
  'RevocationReason',
  'DeactivationReason',
  'ArchiveDate',
  'Digest',
  'Fresh',
  'Link',
  'LastChangeDate',
  'LeaseTime',
  'KeyFormatType',
  'KeyValuePresent',
  'KeyValueLocation',
  'OriginalCreationDate',
  'RandomNumberGenerator',
  'AlwaysSensitive',
  'NeverExtractable',
  'RotateDate',
  'RotateGeneration',
  'RotateLatest',
  nonceCountKey,
  ...markedByAdoption,
])

function inherited(attributes: AttributeSet): AttributeSet {
  const set = new Map([...attributes].filter(([key]) => !notInherited.has(key)))
  const limits = first(attributes, 'UsageLimits')
  if (limits) set.set('UsageLimits', single({ ...limits, UsageLimitsCount: limits.UsageLimitsTotal }))
  return set
}

const dates = ['ActivationDate', 'ProcessStartDate', 'ProtectStopDate', 'DeactivationDate'] as const

/** KMIP 1.4 §4.4, table 172: the dates move with the Activation Date. */
function withDates(attributes: AttributeSet, offset: number | undefined, now: bigint): AttributeSet {
  if (offset === undefined) return attributes
  const activation = first(attributes, 'ActivationDate')
  const moved = now + BigInt(offset)
  let set = withAttribute(attributes, 'ActivationDate', moved)
  for (const key of dates) {
    const date = first(attributes, key)
    if (key === 'ActivationDate' || date === undefined) continue
    if (activation === undefined)
      throw new Fault(
        'IllegalOperation',
        'the key has dates, but no Activation Date to which an Offset could refer',
      )
    set = withAttribute(set, key, withinDates(date + moved - activation))
  }
  return set
}

/** Clients write the last possible date for one that never comes. */
function withinDates(date: bigint): bigint {
  const [earliest, last] = [-(2n ** 63n), 2n ** 63n - 1n]
  return date < earliest ? earliest : date > last ? last : date
}

/** Lays the client's attributes over those of the old key. Adds the client's Names. */
function together(kept: AttributeSet, changes: AttributeSet): AttributeSet {
  const set = new Map<string, readonly AttributeInstance[]>([...kept, ...changes])
  const names = [...(kept.get('Name') ?? []), ...(changes.get('Name') ?? [])]
  if (names.length > 0)
    set.set(
      'Name',
      names.map(({ value }, index) => ({ index, value })),
    )
  return set
}
