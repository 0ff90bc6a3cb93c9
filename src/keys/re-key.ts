// Re-key (KMIP 1.4 §4.4): a new key in the place of a symmetric key. The new one takes over the Names and, by table 173, the
// attributes; the old one stays, with its bytes and its state. Each refers to the other. Within one transaction.

import { randomUUID } from 'node:crypto'
import { first, type AttributeInstance, type AttributeSet, type AttributeValue } from '../kmip/attributes.ts'
import { Fault } from '../kmip/fault.ts'
import { markedByAdoption } from './adopted-object.ts'
import { generateKey } from './key-generation.ts'
import { single, withAttribute, type ManagedObject } from './managed-object.ts'
import { nonceCountKey } from './nonce-count.ts'
import type { TransactionObjects } from './transaction-objects.ts'

export interface ReKeyWanted {
  /** Seconds from now to the Activation Date of the new key. */
  readonly offset: number | undefined
  /** As the client gave them, checked by the attribute rules. */
  readonly attributes: AttributeSet
}

/** Stages both keys and returns the identifier of the new one. Throws Faults. */
export async function reKey(
  objects: TransactionObjects,
  existing: ManagedObject,
  { offset, attributes: given }: ReKeyWanted,
): Promise<string> {
  const { staged } = objects
  if (existing.objectType !== 'SymmetricKey' || existing.sealed === null)
    throw new Fault('PermissionDenied', 'only a symmetric key that this server has can be re-keyed')
  if (offset !== undefined && dates.some((key) => given.has(key)))
    throw new Fault('InvalidMessage', 'an Offset stands beside dates: give one or the other')
  const now = BigInt(Math.floor(staged.nowMs / 1000))
  const kept = withDates(inherited(existing.attributes), offset, now)
  const attributes = together(kept, given)
  const [algorithm, length] = [
    first(attributes, 'CryptographicAlgorithm'),
    first(attributes, 'CryptographicLength'),
  ]
  if (algorithm === undefined || length === undefined)
    throw new Fault('PermissionDenied', 'a key without algorithm and length cannot be re-keyed')
  const uniqueIdentifier = randomUUID()
  const replaced = linked(existing.attributes, 'ReplacementObjectLink', uniqueIdentifier)
  // Staged first, so that the Names are free for the new key.
  await objects.stage(existing, { ...existing, attributes: withAttribute(replaced, 'Name', undefined) })
  const wanted = {
    objectType: existing.objectType,
    attributes: linked(attributes, 'ReplacedObjectLink', existing.uniqueIdentifier),
    uniqueIdentifier,
  }
  const material = { bytes: generateKey(algorithm, length), head: { keyFormatType: 'Raw' } } as const
  return objects.keep(wanted, material, true)
}

/** KMIP 1.4 §4.4, table 173: what the new key does not take over, because the server sets it anew or it concerns the old one. */
const notInherited: ReadonlySet<string> = new Set([
  'InitialDate',
  'DestroyDate',
  'CompromiseOccurrenceDate',
  'CompromiseDate',
  'RevocationReason',
  'ArchiveDate',
  'Digest',
  'Fresh',
  'Link',
  'LastChangeDate',
  'LeaseTime',
  'OriginalCreationDate',
  'RandomNumberGenerator',
  'AlwaysSensitive',
  'NeverExtractable',
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
    set = withAttribute(set, key, date + moved - activation)
  }
  return set
}

/** The client's attributes go before those of the old key. Its Names are added. */
function together(kept: AttributeSet, given: AttributeSet): AttributeSet {
  const set = new Map<string, readonly AttributeInstance[]>([...kept, ...given])
  const names = [...(kept.get('Name') ?? []), ...(given.get('Name') ?? [])]
  if (names.length > 0)
    set.set(
      'Name',
      names.map(({ value }, index) => ({ index, value })),
    )
  return set
}

/** With a link of this type to the object, in place of one that was there. */
function linked(
  attributes: AttributeSet,
  LinkType: AttributeValue<'Link'>['LinkType'],
  LinkedObjectIdentifier: string,
): AttributeSet {
  const others = (attributes.get('Link') ?? []).filter(
    ({ value }) => (value as AttributeValue<'Link'>).LinkType !== LinkType,
  )
  const index = others.reduce((next, instance) => Math.max(next, instance.index + 1), 0)
  return new Map(attributes).set('Link', [...others, { index, value: { LinkType, LinkedObjectIdentifier } }])
}
